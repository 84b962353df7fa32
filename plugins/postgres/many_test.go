//go:build unix

package postgresinput

import (
	"strings"
	"testing"
)

// Of 2,000 tables the largest ten are read.
func TestManyTables(t *testing.T) {
	p := sharedServers(t)
	p.primary.psql("postgres", "CREATE DATABASE many")
	t.Cleanup(func() { p.primary.psql("postgres", "DROP DATABASE many (FORCE)") })
	p.primary.psql("many", "DO $$ BEGIN FOR i IN 1..2000 LOOP EXECUTE 'CREATE TABLE t' || i || ' (id int)'; END LOOP; END $$")
	p.primary.psql("many", "INSERT INTO t1500 SELECT generate_series(1, 10000); ANALYZE t1500")
	in := startInput(t, p.primary.inputConfig("dbname: many\ntables: 10\nindexes: 10\n"))
	tables := 0
	got := gatherValues(t, in, p.primary.Addr(), 0)
	for key := range got {
		if strings.HasPrefix(key, "postgres_table_size_") {
			tables++
		}
	}
	if tables != 10 || got["postgres_table_live_tuples_many_public_t1500"] != 10000 {
		t.Errorf("%d tables, the largest has %v rows", tables, got["postgres_table_live_tuples_many_public_t1500"])
	}
}
