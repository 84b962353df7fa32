package config

import (
	"errors"

	"github.com/rtcollector/rtcollector/internal/conf"
)

// Named is what a configuration names: components under the names or aliases in the file.
type Named struct {
	Inputs, Outputs, Stores []string
	HasWeb, HasHealth       bool
}

// Names returns what a configuration names. It decodes and resolves nothing, so that it also works where the variables and secrets of the
// configuration are missing. Name is that of the file, for errors.
func Names(name string, data []byte) (Named, error) {
	top, err := parseYAML(data)
	if err != nil {
		return Named{}, syntaxError(name, data, err)
	}
	b := &builder{ps: &conf.Problems{}}
	splitIndentedItems(b.ps, top, data)
	removeExtensions(top)
	var n Named
	for key, names := range map[string]*[]string{"inputs": &n.Inputs, "outputs": &n.Outputs} {
		list := childNode(top, key)
		if list == nil {
			b.ps.Add(nil, "", "key %q is missing", key)
			continue
		}
		for _, it := range b.parseItems(key, list) {
			*names = append(*names, it.name)
		}
	}
	stores := &storeBuilder{}
	if named := childNode(top, namedStoresKey); named != nil {
		stores.collectNamed(named)
	}
	if main := childNode(top, mainStoreKey); main != nil {
		stores.items = append(stores.items, storeItem{node: main})
	}
	for _, it := range stores.items {
		kind, _ := storeType(it.node)
		n.Stores = append(n.Stores, kind)
	}
	n.HasWeb, n.HasHealth = childNode(top, "web") != nil, childNode(top, "health") != nil
	return n, errors.Join(b.ps.In(name).Err(), stores.ps.In(name).Err())
}
