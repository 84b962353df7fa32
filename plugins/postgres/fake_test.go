package postgresinput

import (
	"net"
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/rtcollector/rtcollector/internal/servicetest"
)

// fakeServer speaks the protocol of versions that Debian 12 does not package. It has no views: it answers each planned query
// with one row of as many columns. It does not test the names of the columns.
type fakeServer struct {
	addr    string
	release atomic.Pointer[string] // announced to the next connection
	answer  map[string]statement
}

// startFake starts a server of the first release, which can be upgraded to the other releases.
func startFake(t testing.TB, c *Config, releases ...string) *fakeServer {
	t.Helper()
	f := &fakeServer{answer: map[string]statement{}}
	for _, release := range releases {
		for _, s := range planStatements(c, parseVersion(release)) {
			f.answer[s.sql] = s
		}
	}
	f.release.Store(&releases[0])
	f.addr = servicetest.ServeRaw(t, f.serve)
	return f
}

func (f *fakeServer) serve(conn net.Conn) {
	b := pgproto3.NewBackend(conn, conn)
	for {
		m, err := b.ReceiveStartupMessage()
		if err != nil {
			return
		}
		if _, ok := m.(*pgproto3.SSLRequest); ok {
			_, _ = conn.Write([]byte("N"))
			continue
		}
		break
	}
	b.Send(&pgproto3.AuthenticationOk{})
	b.Send(&pgproto3.ParameterStatus{Name: "server_version", Value: *f.release.Load()})
	b.Send(&pgproto3.BackendKeyData{ProcessID: 1, SecretKey: []byte("key!")})
	b.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
	var sql string
	for b.Flush() == nil {
		m, err := b.Receive()
		if err != nil {
			return
		}
		switch m := m.(type) {
		case *pgproto3.Query:
			b.Send(&pgproto3.EmptyQueryResponse{})
			b.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
		case *pgproto3.Parse:
			sql = m.Query
		case *pgproto3.Sync:
			f.sendReply(b, sql)
		}
	}
}

func (f *fakeServer) sendReply(b *pgproto3.Backend, sql string) {
	s := f.answer[sql]
	description, row := &pgproto3.RowDescription{}, &pgproto3.DataRow{}
	for i := range max(1, len(s.labels)+len(s.metrics)) {
		text := "t" // pg_has_role
		switch {
		case i < len(s.labels):
			text = s.labels[i]
		case len(s.metrics) > 0:
			text = strconv.Itoa(i)
		}
		description.Fields = append(description.Fields, pgproto3.FieldDescription{Name: []byte("c")})
		row.Values = append(row.Values, []byte(text))
	}
	for _, m := range []pgproto3.BackendMessage{&pgproto3.ParseComplete{}, &pgproto3.BindComplete{}, description, row,
		&pgproto3.CommandComplete{CommandTag: []byte("SELECT 1")}, &pgproto3.ReadyForQuery{TxStatus: 'I'}} {
		b.Send(m)
	}
}
