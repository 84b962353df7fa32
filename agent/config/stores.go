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
	mainStoreKey     = "secret_store"
	namedStoresKey   = "secret_stores"
	defaultStoreType = "env" // as in the predecessor
)

// storeItem is one store in the file.
type storeItem struct {
	name, path string // the name is "" for the main store
	node       *yaml.Node
}

// storeBuilder builds the stores. Their own settings may refer to local stores.
type storeBuilder struct {
	env    Env
	ps     conf.Problems
	items  []storeItem
	stores *secrets.Stores
}

// Secret implements secret.Resolver for the settings of stores. [storeBuilder.checkReferences] allows local stores only.
func (b *storeBuilder) Secret(ctx context.Context, id string) (string, error) {
	return b.stores.Secret(ctx, id)
}

// buildStores builds the stores, or returns those that are in use if they have the same settings. It returns nil if there are mistakes
// in their settings.
func buildStores(ps *conf.Problems, r *fileLayout, settings string, env Env) *secrets.Stores {
	if env.Running != nil && env.Running.StoreSettings == settings {
		return env.Running.Secrets
	}
	b := &storeBuilder{env: env}
	b.items = append(b.items, storeItem{path: mainStoreKey, node: &r.SecretStore})
	b.collectNamed(&r.SecretStores)
	stores := map[string]secrets.Store{}
	for _, it := range b.items {
		if store := b.buildStore(it); store != nil {
			stores[it.name] = store
		}
	}
	main := stores[""]
	delete(stores, "")
	b.stores = secrets.NewStores(main, stores, env.Redactor)
	b.checkReferences()
	*ps = append(*ps, b.ps...)
	if b.ps.Err() != nil {
		return nil
	}
	return b.stores
}

// collectNamed collects the stores of "secret_stores".
func (b *storeBuilder) collectNamed(n *yaml.Node) {
	if conf.IsNull(n) {
		return
	}
	if n.Kind != yaml.MappingNode {
		b.ps.Add(n, namedStoresKey, "must be a map of names, each with the settings of a store")
		return
	}
	for key, value := range conf.Entries(&b.ps, n, namedStoresKey) {
		if !isPlainWord(key.Value) {
			b.ps.Add(key, namedStoresKey, "the name %q may contain only letters, digits, \"-\" and \"_\", because it is followed by \"/\" in references", key.Value)
			continue
		}
		b.items = append(b.items, storeItem{key.Value, namedStoresKey + "." + key.Value, value})
	}
}

func isPlainWord(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_'
	})
}

// buildStore builds one store. It returns nil after a mistake.
func (b *storeBuilder) buildStore(it storeItem) secrets.Store {
	if conf.IsNull(it.node) && it.name == "" {
		return secret.Env{Getenv: b.env.Getenv}
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
			ps[i].Message = "cannot come from a secret store: it is needed to connect to one"
		}
	}
	if ps.Err() != nil {
		return nil
	}
	store, err := built.New(secrets.StoreEnv{Name: it.path, Getenv: b.env.Getenv, Secrets: b, Hide: b.env.Redactor.Add})
	if err != nil {
		ps.Add(it.node, it.path, "%s", err)
		return nil
	}
	return store
}

// storeType returns the value of the key "type" and its node.
func storeType(n *yaml.Node) (string, *yaml.Node) {
	if n = conf.Resolve(n); n != nil && n.Kind == yaml.MappingNode {
		for key, value := range conf.Entries(&conf.Problems{}, n, "") { // Decode reports mistakes in the map
			if key.Value == "type" && value.Kind == yaml.ScalarNode && !conf.IsNull(value) {
				return value.Value, value
			}
		}
	}
	return defaultStoreType, n
}

// checkReferences reports settings of stores that refer to a store that is not local.
func (b *storeBuilder) checkReferences() {
	for _, it := range b.items {
		node := conf.Resolve(it.node)
		if conf.IsNull(node) || node.Kind != yaml.MappingNode {
			continue
		}
		for path, n := range references(node, it.path) {
			store, _ := b.stores.Find(strings.TrimPrefix(n.Value, conf.SecretPrefix))
			if _, local := store.(secrets.Local); !local && store != nil {
				b.ps.Add(n, path, "refers to a store that needs a login itself: define a store of type env or file below %s and write %s<name>/<id>",
					namedStoresKey, conf.SecretPrefix)
			}
		}
	}
}

// references iterates over the scalars below a node that refer to a secret, with their paths.
func references(n *yaml.Node, path string) iter.Seq2[string, *yaml.Node] {
	return func(yield func(string, *yaml.Node) bool) {
		walkReferences(conf.Resolve(n), path, map[*yaml.Node]bool{}, yield)
	}
}

// walkReferences visits each map and list once, because aliases can make one contain another many times, or itself. It
// returns false when yield stopped the iteration.
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

// checkLaterSecrets looks up the references that are resolved later, when something connects, if their stores are local. It
// skips references with a known problem. With allowMissing, a secret that a store does not have is a warning.
func checkLaterSecrets(ctx context.Context, ps *conf.Problems, top *yaml.Node, known conf.Problems, stores *secrets.Stores, allowMissing bool) {
	for path, n := range references(top, "") {
		store, _ := stores.Find(strings.TrimPrefix(n.Value, conf.SecretPrefix))
		isKnown := slices.ContainsFunc(known, func(p conf.Problem) bool { return p.Line == n.Line && p.Column == n.Column })
		if _, local := store.(secrets.Local); !local || isKnown {
			continue
		}
		switch _, err := secret.Literal(n.Value).Resolve(ctx, stores); {
		case secret.IsNotFound(err) && allowMissing:
			ps.Warn(n, path, "%s", err)
		case err != nil:
			ps.Add(n, path, "%s", err)
		}
	}
}

// resolveReferences replaces references by their values. It returns the errors of references that a store could not resolve,
// by node. The error means that a store could not be reached, and names the setting that needed it.
func resolveReferences(ctx context.Context, file string, found conf.Problems, stores *secrets.Stores) (map[*yaml.Node]error, error) {
	unresolved := map[*yaml.Node]error{}
	for _, p := range found {
		n := p.Reference
		if n == nil || n.Tag == conf.FromStore || unresolved[n] != nil {
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
			unresolved[n] = err
		}
	}
	return unresolved, nil
}

// explainReferences sets the messages of references that could not be resolved. With allowMissing, a secret that a store does not have is a
// warning.
func explainReferences(found conf.Problems, unresolved map[*yaml.Node]error, allowMissing bool) conf.Problems {
	for i, p := range found {
		if err := unresolved[p.Reference]; p.Reference != nil && err != nil {
			found[i].Message, found[i].Reference = err.Error(), nil
			found[i].Warning = secret.IsNotFound(err) && allowMissing
		}
	}
	return found
}

// dropReferences returns the problems that are not unresolved references. References remain when another problem prevented
// their resolution.
func dropReferences(found conf.Problems) conf.Problems {
	return slices.DeleteFunc(slices.Clone(found), func(p conf.Problem) bool { return p.Reference != nil })
}
