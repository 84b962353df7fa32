package search

import (
	"slices"

	"github.com/rtcollector/rtcollector/internal/embedded/keyspace"
	"github.com/rtcollector/rtcollector/internal/embedded/resp"
)

const (
	errAliasExists     = resp.Error("Alias already exists")
	errNoAlias         = resp.Error("Alias does not exist")
	errAliasIsIndex    = resp.Error("Alias conflicts with an existing index name")
	errAliasTarget     = resp.Error("Unknown index name (or name is an alias itself)")
	errUnknownArgument = resp.Error("Unknown argument")
	errAlterSchema     = resp.Error("ALTER must be followed by SCHEMA")
	errAlterAction     = resp.Error("Unknown action passed to ALTER SCHEMA")
	errAlterNoFields   = resp.Error("No fields provided")
)

const (
	// maxDefinitionBytes bounds the arguments of FT.CREATE and FT.ALTER for one
	// index.
	maxDefinitionBytes = 128 << 10
	maxAliasBytes      = 1024
)

// definitionBytes returns how much the arguments of a command add to the
// definition of an index.
func definitionBytes(args [][]byte) int {
	n := 0
	for _, a := range args {
		n += len(a) + 24
	}
	return n
}

// innerArityError is the error of the inner part of RediSearch, whose commands
// begin with an underscore.
func innerArityError(c *keyspace.Session) resp.Error {
	return resp.Error("ERR wrong number of arguments for '_" + c.Command.Name + "' command")
}

func noSuchIndex(name []byte) resp.Error { return resp.Error(string(name) + ": no such index") }

// findOrFail returns an index. If there is none it answers an error and returns
// nil.
func (m *Module) findOrFail(c *keyspace.Session, name []byte) *index {
	ix := m.find(name)
	if ix == nil {
		c.Fail(noSuchIndex(name))
	}
	return ix
}

func (m *Module) runCreate(c *keyspace.Session, args [][]byte) {
	if c.DB != 0 {
		c.Fail(errOtherDatabase)
		return
	}
	if len(args) < 5 {
		c.Fail(innerArityError(c))
		return
	}
	name := string(args[1])
	d := c.Store.Lock(0)
	defer c.Store.Unlock()
	switch {
	case m.byName[name] != nil:
		c.Fail(errIndexExists)
		return
	case len(m.indexes) >= maxIndexes, definitionBytes(args) > maxDefinitionBytes:
		c.Fail(resp.ErrOOM)
		return
	}
	r, err := parseCreate(name, args[2:])
	if c.Fail(err) {
		return
	}
	ix := newIndex(name, r.definition, r.fields)
	ix.definitionBytes = definitionBytes(args)
	m.addIndex(ix)
	if !r.skipInitialScan {
		m.scan(d, ix)
	}
	c.Out.OK()
}

func (m *Module) runAlter(c *keyspace.Session, args [][]byte) {
	d := c.Store.Lock(0)
	defer c.Store.Unlock()
	ix := m.findOrFail(c, args[1])
	if ix == nil {
		return
	}
	if len(args) < 5 {
		c.Fail(innerArityError(c))
		return
	}
	if ix.definitionBytes+definitionBytes(args) > maxDefinitionBytes {
		c.Fail(resp.ErrOOM)
		return
	}
	rest := &arguments{args[2:]}
	skip := rest.acceptWord("SKIPINITIALSCAN")
	switch {
	case !rest.acceptWord("SCHEMA"):
		c.Fail(errAlterSchema)
		return
	case !rest.acceptWord("ADD"):
		c.Fail(errAlterAction)
		return
	case rest.isEmpty():
		c.Fail(errAlterNoFields)
		return
	}
	fields, err := parseFields(rest, ix.name, ix.definition.isJSON, ix.fields)
	if c.Fail(err) {
		return
	}
	ix.addFields(fields)
	ix.definitionBytes += definitionBytes(args)
	if !skip {
		m.scan(d, ix)
	}
	c.Out.OK()
}

func (m *Module) runDropIndex(c *keyspace.Session, args [][]byte) {
	d := c.Store.Lock(0)
	defer c.Store.Unlock()
	ix := m.find(args[1])
	switch {
	case ix == nil:
		c.Fail(noSuchIndex(args[1]))
		return
	case len(args) > 3:
		c.Fail(innerArityError(c))
		return
	case len(args) == 3 && !resp.IsWord(args[2], "DD"):
		c.Fail(errUnknownArgument)
		return
	}
	for _, k := range m.dropIndex(ix) {
		if len(args) == 3 {
			d.Delete(k.key)
		}
	}
	c.Out.OK()
}

func (m *Module) runList(c *keyspace.Session, _ [][]byte) {
	c.Store.RLock(0)
	defer c.Store.RUnlock()
	c.Out.Set(len(m.indexes))
	for _, ix := range m.indexes {
		c.Out.Simple(ix.name)
	}
}

func (m *Module) runAliasAdd(c *keyspace.Session, args [][]byte) {
	c.Store.Lock(0)
	defer c.Store.Unlock()
	if len(args) > 3 && m.find(args[2]) != nil {
		c.Fail(innerArityError(c))
		return
	}
	if m.aliases[string(args[1])] != nil && m.byName[string(args[2])] != nil {
		c.Fail(errAliasExists)
		return
	}
	m.setAlias(c, args[1], args[2])
}

func (m *Module) runAliasUpdate(c *keyspace.Session, args [][]byte) {
	c.Store.Lock(0)
	defer c.Store.Unlock()
	m.setAlias(c, args[1], args[2])
}

// setAlias makes a name an alias of an index.
func (m *Module) setAlias(c *keyspace.Session, name, index []byte) {
	ix := m.byName[string(index)]
	switch {
	case ix == nil && m.aliases[string(index)] != nil:
		c.Fail(errAliasTarget)
	case ix == nil:
		c.Fail(noSuchIndex(index))
	case m.byName[string(name)] != nil:
		c.Fail(errAliasIsIndex)
	case len(m.aliases) >= maxIndexes, len(name) > maxAliasBytes:
		c.Fail(resp.ErrOOM)
	default:
		m.aliases[string(name)] = ix
		c.Out.OK()
	}
}

func (m *Module) runAliasDel(c *keyspace.Session, args [][]byte) {
	c.Store.Lock(0)
	defer c.Store.Unlock()
	switch {
	case m.aliases[string(args[1])] == nil:
		c.Fail(errNoAlias)
		return
	case len(args) > 2:
		c.Fail(innerArityError(c))
		return
	}
	delete(m.aliases, string(args[1]))
	c.Out.OK()
}

// runTagVals answers all tags of a field.
func (m *Module) runTagVals(c *keyspace.Session, args [][]byte) {
	c.Store.RLock(0)
	defer c.Store.RUnlock()
	ix := m.findOrFail(c, args[1])
	if ix == nil {
		return
	}
	at := ix.fieldAt(string(args[2]))
	switch {
	case len(args) > 3:
		c.Fail(innerArityError(c))
		return
	case at < 0:
		c.Fail("No such field")
		return
	case ix.fields[at].kind != fieldTag:
		c.Fail("Not a tag field")
		return
	}
	var tags []string
	for i := range ix.columns[at].vocabulary.lists {
		if p := &ix.columns[at].vocabulary.lists[i]; ix.hasKeys(p) {
			tags = append(tags, p.word)
		}
	}
	slices.Sort(tags)
	c.Out.Set(len(tags))
	for _, tag := range tags {
		c.Out.Bulk(tag)
	}
}

// hasKeys reports whether any key still has a word.
func (ix *index) hasKeys(p *termList) bool {
	return ix.slots[p.first] != nil || slices.ContainsFunc(p.rest, func(slot uint32) bool { return ix.slots[slot] != nil })
}
