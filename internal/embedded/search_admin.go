package embedded

import (
	"slices"

	"github.com/rtcollector/rtcollector/internal/embedded/resp"
)

const (
	errAliasExists   = resp.Error("Alias already exists")
	errNoAlias       = resp.Error("Alias does not exist")
	errAliasIsIndex  = resp.Error("Alias conflicts with an existing index name")
	errAliasOfAlias  = resp.Error("Unknown index name (or name is an alias itself)")
	errUnknownArg    = resp.Error("Unknown argument")
	errAlterSchema   = resp.Error("ALTER must be followed by SCHEMA")
	errAlterAction   = resp.Error("Unknown action passed to ALTER SCHEMA")
	errAlterNoFields = resp.Error("No fields provided")
)

func searchCommands() []command {
	return []command{
		{"FT.CREATE", -2, flagWrite, ftCreate},
		{"FT.ALTER", -2, flagWrite, ftAlter},
		{"FT.DROPINDEX", -2, flagWrite, ftDropIndex},
		{"FT._LIST", -1, 0, ftList},
		{"FT.INFO", 2, 0, ftInfo},
		{"FT.ALIASADD", -3, flagWrite, ftAliasAdd},
		{"FT.ALIASUPDATE", -3, flagWrite, ftAliasUpdate},
		{"FT.ALIASDEL", -2, flagWrite, ftAliasDel},
		{"FT.TAGVALS", -3, 0, ftTagVals},
		{"FT.SEARCH", -3, 0, ftSearch},
		{"FT.AGGREGATE", -3, 0, ftAggregate},
	}
}

const (
	// maxDefinitionBytes bounds what FT.CREATE and FT.ALTER say about one index.
	maxDefinitionBytes = 128 << 10
	maxAliasBytes      = 1024
)

// definitionBytes is what the words of a command take in an index's definition.
func definitionBytes(args [][]byte) int {
	n := 0
	for _, a := range args {
		n += len(a) + 24
	}
	return n
}

func noSuchIndex(name []byte) resp.Error { return resp.Error(string(name) + ": no such index") }

func ftCreate(c *conn, args [][]byte) {
	if c.db != 0 {
		c.fail(errIndexOtherDB)
		return
	}
	if len(args) < 5 {
		c.fail(errInnerArity)
		return
	}
	name := string(args[1])
	st := c.srv.store
	st.lock(0)
	defer st.mu.Unlock()
	switch {
	case st.search.byName[name] != nil:
		c.fail(errIndexExists)
		return
	case len(st.search.list) >= maxIndexes, definitionBytes(args) > maxDefinitionBytes:
		c.fail(resp.ErrOOM)
		return
	}
	r, err := parseCreate(name, args[2:])
	if c.fail(err) {
		return
	}
	ix := newSearchIndex(name, r.def, r.fields)
	ix.defined = definitionBytes(args)
	st.search.insert(ix)
	if !r.skipScan {
		st.scan(ix)
	}
	c.out.OK()
}

func ftAlter(c *conn, args [][]byte) {
	st := c.srv.store
	st.lock(0)
	defer st.mu.Unlock()
	ix := st.search.find(args[1])
	if ix == nil {
		c.fail(noSuchIndex(args[1]))
		return
	}
	if len(args) < 5 {
		c.fail(errInnerArity)
		return
	}
	if ix.defined+definitionBytes(args) > maxDefinitionBytes {
		c.fail(resp.ErrOOM)
		return
	}
	w := &words{args[2:]}
	skip := w.take("SKIPINITIALSCAN")
	switch {
	case !w.take("SCHEMA"):
		c.fail(errAlterSchema)
		return
	case !w.take("ADD"):
		c.fail(errAlterAction)
		return
	case w.empty():
		c.fail(errAlterNoFields)
		return
	}
	fields, err := parseFields(w, ix.name, ix.def.json, ix.fields)
	if c.fail(err) {
		return
	}
	ix.addFields(fields)
	ix.defined += definitionBytes(args)
	if !skip {
		st.scan(ix)
	}
	c.out.OK()
}

func ftDropIndex(c *conn, args [][]byte) {
	st := c.srv.store
	d := st.lock(0)
	defer st.mu.Unlock()
	ix := st.search.find(args[1])
	switch {
	case ix == nil:
		c.fail(noSuchIndex(args[1]))
		return
	case len(args) > 3:
		c.fail(errInnerArity)
		return
	case len(args) == 3 && !resp.IsWord(args[2], "DD"):
		c.fail(errUnknownArg)
		return
	}
	docs := slices.Clone(ix.slots)
	st.search.drop(ix)
	if len(args) == 3 {
		for _, doc := range docs {
			if doc != nil {
				st.dropKey(d, doc.key)
			}
		}
	}
	c.out.OK()
}

func ftList(c *conn, _ [][]byte) {
	st := c.srv.store
	st.mu.RLock()
	defer st.mu.RUnlock()
	c.out.Set(len(st.search.list))
	for _, ix := range st.search.list {
		c.out.Simple(ix.name)
	}
}

func ftAliasAdd(c *conn, args [][]byte) {
	st := c.srv.store
	st.mu.Lock()
	defer st.mu.Unlock()
	if len(args) > 3 && st.search.find(args[2]) != nil {
		c.fail(errInnerArity)
		return
	}
	if st.search.aliases[string(args[1])] != nil && st.search.byName[string(args[2])] != nil {
		c.fail(errAliasExists)
		return
	}
	c.alias(args[1], args[2])
}

func ftAliasUpdate(c *conn, args [][]byte) {
	st := c.srv.store
	st.mu.Lock()
	defer st.mu.Unlock()
	c.alias(args[1], args[2])
}

func (c *conn) alias(name, index []byte) {
	s := &c.srv.store.search
	ix := s.byName[string(index)]
	switch {
	case ix == nil && s.aliases[string(index)] != nil:
		c.fail(errAliasOfAlias)
	case ix == nil:
		c.fail(noSuchIndex(index))
	case s.byName[string(name)] != nil:
		c.fail(errAliasIsIndex)
	case len(s.aliases) >= maxIndexes, len(name) > maxAliasBytes:
		c.fail(resp.ErrOOM)
	default:
		s.aliases[string(name)] = ix
		c.out.OK()
	}
}

func ftAliasDel(c *conn, args [][]byte) {
	st := c.srv.store
	st.mu.Lock()
	defer st.mu.Unlock()
	switch {
	case st.search.aliases[string(args[1])] == nil:
		c.fail(errNoAlias)
		return
	case len(args) > 2:
		c.fail(errInnerArity)
		return
	}
	delete(st.search.aliases, string(args[1]))
	c.out.OK()
}

// ftTagVals lists the tags that documents have in a field.
func ftTagVals(c *conn, args [][]byte) {
	st := c.srv.store
	st.rlock(0)
	defer st.mu.RUnlock()
	ix := st.search.find(args[1])
	if ix == nil {
		c.fail(noSuchIndex(args[1]))
		return
	}
	at := ix.field(string(args[2]))
	switch {
	case len(args) > 3:
		c.fail(errInnerArity)
		return
	case at < 0:
		c.fail("No such field")
		return
	case ix.fields[at].kind != fieldTag:
		c.fail("Not a tag field")
		return
	}
	var tags []string
	for i := range ix.columns[at].terms.lists {
		if p := &ix.columns[at].terms.lists[i]; ix.lives(p) {
			tags = append(tags, p.word)
		}
	}
	slices.Sort(tags)
	c.out.Set(len(tags))
	for _, tag := range tags {
		c.out.Bulk(tag)
	}
}

// lives tells whether any document of a posting is still there.
func (ix *searchIndex) lives(p *termList) bool {
	return ix.slots[p.first] != nil || slices.ContainsFunc(p.rest, func(slot uint32) bool { return ix.slots[slot] != nil })
}
