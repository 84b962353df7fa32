package config

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/rtcollector/rtcollector/internal/conf"
	"github.com/rtcollector/rtcollector/internal/secret"
	"github.com/rtcollector/rtcollector/secrets"
)

const (
	mainStore    = "secret_store"
	furtherStore = "secret_stores"
	defaultStore = "env" // the predecessor's default
)

// storeItem is one store as it is written.
type storeItem struct {
	name, path string // the name is "" for the main store
	node       *yaml.Node
}

// storeBuilder makes the stores. Their own settings may refer to local stores, which are made like the others.
type storeBuilder struct {
	env   Env
	ps    conf.Problems
	items []storeItem
	built *secrets.Stores
}

// Secret implements secret.Resolver for the settings of stores: local stores only.
func (b *storeBuilder) Secret(ctx context.Context, id string) (string, error) {
	return b.built.Secret(ctx, id)
}

// secretStores makes the stores, or returns nil when there are mistakes in their settings.
func secretStores(ps *conf.Problems, r *root, env Env) *secrets.Stores {
	b := &storeBuilder{env: env}
	b.items = append(b.items, storeItem{path: mainStore, node: &r.SecretStore})
	b.named(&r.SecretStores)
	stores := map[string]secrets.Store{}
	for _, it := range b.items {
		if store := b.store(it); store != nil {
			stores[it.name] = store
		}
	}
	main := stores[""]
	delete(stores, "")
	b.built = secrets.NewStores(main, stores, env.Hidden)
	b.checkReferences()
	*ps = append(*ps, b.ps...)
	if b.ps.Err() != nil {
		return nil
	}
	return b.built
}

// named lists the stores of "secret_stores".
func (b *storeBuilder) named(n *yaml.Node) {
	if conf.IsNull(n) {
		return
	}
	if n.Kind != yaml.MappingNode {
		b.ps.Add(n, furtherStore, "must be a map: a name, and below it the store's settings")
		return
	}
	for key, value := range conf.Entries(&b.ps, n, furtherStore) {
		if !plainWord(key.Value) {
			b.ps.Add(key, furtherStore, "the name %q must be a plain word of letters, digits, \"-\" and \"_\": it stands before a \"/\" in references", key.Value)
			continue
		}
		b.items = append(b.items, storeItem{key.Value, furtherStore + "." + key.Value, value})
	}
}

func plainWord(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_'
	})
}

// store makes one store; nil says that there was a mistake.
func (b *storeBuilder) store(it storeItem) secrets.Store {
	if conf.IsNull(it.node) && it.name == "" {
		return secret.Env{}
	}
	var ps conf.Problems
	defer func() { b.ps = append(b.ps, ps...) }()
	kind, at := storeType(it.node)
	def, err := b.env.Stores.Find("secret store", kind, b.env.GOOS)
	if err != nil {
		ps.Add(at, it.path+".type", "%s", err)
		return nil
	}
	built := def.Decode(&ps, it.node, it.path)
	for i, p := range ps {
		if p.Reference != nil {
			ps[i].Message = "cannot come from a secret store: it is needed before one can be asked"
		}
	}
	if ps.Err() != nil {
		return nil
	}
	store, err := built.New(secrets.StoreEnv{Name: it.path, Getenv: b.env.Getenv, Secrets: b, Hide: b.env.Hidden.Add})
	if err != nil {
		ps.Add(it.node, it.path, "%s", err)
		return nil
	}
	return store
}

// storeType returns what the key "type" says, and where.
func storeType(n *yaml.Node) (string, *yaml.Node) {
	if n = conf.Resolve(n); n != nil && n.Kind == yaml.MappingNode {
		for key, value := range conf.Entries(&conf.Problems{}, n, "") { // what is wrong with the map, Decode says
			if key.Value == "type" && value.Kind == yaml.ScalarNode && !conf.IsNull(value) {
				return value.Value, value
			}
		}
	}
	return defaultStore, n
}

// checkReferences finds settings of stores that refer to a store which is not local.
func (b *storeBuilder) checkReferences() {
	for _, it := range b.items {
		node := conf.Resolve(it.node)
		if conf.IsNull(node) || node.Kind != yaml.MappingNode {
			continue
		}
		for path, n := range references(node, it.path) {
			store, _ := b.built.Find(strings.TrimPrefix(n.Value, conf.SecretPrefix))
			if _, local := store.(secrets.Local); !local && store != nil {
				b.ps.Add(n, path, "refers to a store that needs a login itself: name one of type env or file below %s, and write %s<name>/<id>",
					furtherStore, conf.SecretPrefix)
			}
		}
	}
}

// references iterates over the texts below a node that refer to a secret, each with its path.
func references(n *yaml.Node, path string) iter.Seq2[string, *yaml.Node] {
	return func(yield func(string, *yaml.Node) bool) {
		walkReferences(conf.Resolve(n), path, map[*yaml.Node]bool{}, yield)
	}
}

// walkReferences visits each map and list once, because aliases can make one contain another many times, or itself. It
// returns false when the iteration was stopped.
func walkReferences(n *yaml.Node, path string, visited map[*yaml.Node]bool, yield func(string, *yaml.Node) bool) bool {
	switch {
	case n.Kind == yaml.ScalarNode && n.Tag != conf.FromStore && strings.HasPrefix(n.Value, conf.SecretPrefix):
		return yield(path, n)
	case visited[n]:
		return true
	}
	visited[n] = true
	switch n.Kind {
	case yaml.SequenceNode:
		for i, item := range n.Content {
			if !walkReferences(conf.Resolve(item), fmt.Sprintf("%s[%d]", path, i), visited, yield) {
				return false
			}
		}
	case yaml.MappingNode:
		for key, value := range conf.Entries(&conf.Problems{}, n, path) {
			if !walkReferences(value, strings.TrimPrefix(path+"."+key.Value, "."), visited, yield) {
				return false
			}
		}
	}
	return true
}

// checkSecrets looks up the references that are used later, when something connects, as far as their stores are local.
// Those that something is wrong with already are left out.
func checkSecrets(ctx context.Context, ps *conf.Problems, top *yaml.Node, known conf.Problems, stores *secrets.Stores) {
	for path, n := range references(top, "") {
		store, _ := stores.Find(strings.TrimPrefix(n.Value, conf.SecretPrefix))
		isKnown := slices.ContainsFunc(known, func(p conf.Problem) bool { return p.Line == n.Line && p.Column == n.Column })
		if _, local := store.(secrets.Local); !local || isKnown {
			continue
		}
		if _, err := secret.Literal(n.Value).Resolve(ctx, stores); err != nil {
			ps.Add(n, path, "%s", err)
		}
	}
}

// resolve puts values in the place of references. What the stores refuse is returned by node; the error says that a
// store could not be asked, and where it was needed.
func resolve(ctx context.Context, file string, found conf.Problems, stores *secrets.Stores) (map[*yaml.Node]error, error) {
	refused := map[*yaml.Node]error{}
	for _, p := range found {
		n := p.Reference
		if n == nil || n.Tag == conf.FromStore || refused[n] != nil {
			continue
		}
		value, err := secret.Literal(n.Value).Resolve(ctx, stores)
		switch {
		case err == nil:
			conf.SetSecret(n, value)
		case secret.IsUnavailable(err) || ctx.Err() != nil:
			p.File, p.Message = file, err.Error()
			return nil, secret.Unavailable(p)
		default:
			refused[n] = err
		}
	}
	return refused, nil
}

// explain says at each reference that is left why the stores refuse it.
func explain(found conf.Problems, refused map[*yaml.Node]error) conf.Problems {
	for i, p := range found {
		if err := refused[p.Reference]; p.Reference != nil && err != nil {
			found[i].Message, found[i].Reference = err.Error(), nil
		}
	}
	return found
}

// withoutReferences drops the references that nobody could ask a store for: another problem was in the way.
func withoutReferences(found conf.Problems) conf.Problems {
	return slices.DeleteFunc(slices.Clone(found), func(p conf.Problem) bool { return p.Reference != nil })
}
