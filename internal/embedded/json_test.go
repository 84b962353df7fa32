package embedded

import (
	"strings"
	"testing"

	"github.com/rtcollector/rtcollector/internal/embedded/resptest"
)

func TestDocumentsAreKeysLikeAnyOther(t *testing.T) {
	s := start(t, Config{})
	c := dial(t, s)
	wrong := resptest.Error("WRONGTYPE Operation against a key holding the wrong kind of value")
	c.Line(`JSON.SET d $ {"a":1}`)
	c.Line("SET str x")
	c.Line("TS.ADD ts 1 1")
	c.Expect("TYPE d", `{"s":"ReJSON-RL"}`)
	c.Expect("GET d", wrong)
	c.Expect("HSET d f v", wrong)
	c.Expect("TS.ADD d 1 1", resptest.Error("ERR TSDB: the key is not a TSDB key"))
	c.Expect("TS.CREATE d", resptest.Error("ERR TSDB: key already exists"))
	for _, cmd := range []string{"JSON.GET str", "JSON.SET ts $ 1", "JSON.DEL str", "JSON.TYPE ts", "JSON.MSET x $ 1 str $ 1"} {
		c.Expect(cmd, resptest.Error("Existing key has wrong Redis type"))
	}
	c.Expect("EXISTS d x", `{"i":1}`)
	c.Expect("DBSIZE", `{"i":3}`)
	c.Expect("SCAN 0 TYPE ReJSON-RL", `{"a":[{"b":"0"},{"a":[{"b":"d"}]}]}`)
	c.Expect("KEYS d*", `{"a":[{"b":"d"}]}`)
	c.Expect("EXPIRE d 100", `{"i":1}`)
	c.Expect("RENAME d e", resptest.OK)
	c.Expect("TTL e", `{"i":100}`)
	c.Expect("PERSIST e", `{"i":1}`)
	c.Expect("RENAMENX e str", `{"i":0}`)
	c.Expect("RENAME e ts", resptest.OK)
	c.Expect("TYPE ts", `{"s":"ReJSON-RL"}`)
	c.Expect("MULTI", resptest.OK)
	c.Expect("JSON.SET ts $.b 2", `{"s":"QUEUED"}`)
	c.Expect("DEL str", `{"s":"QUEUED"}`)
	c.Expect("EXEC", `{"a":[{"s":"OK"},{"i":1}]}`)
	c.Expect("JSON.GET ts", resptest.Bulk(`{"a":1,"b":2}`))
	if st := s.Stats(); st.Documents != 1 || st.Series != 0 || st.Bytes == 0 {
		t.Errorf("stats %+v", st)
	}
	c.Expect("SET ts x", resptest.OK)
	c.Line("JSON.SET d $ 1")
	c.Expect("FLUSHALL", resptest.OK)
	c.Expect("DBSIZE", `{"i":0}`)
	if st := s.Stats(); st.Documents != 0 || documentBytes(s) != 0 {
		t.Errorf("stats %+v, %d bytes of documents", st, documentBytes(s))
	}
}

func documentBytes(s *Server) int64 {
	_, bytes := s.documents.Usage()
	return bytes
}

func TestDocumentCapsAnswerOOM(t *testing.T) {
	s := start(t, Config{MaxDocuments: 2, MaxDocumentBytes: 102}) // two bytes are for the keys
	c := dial(t, s)
	oom := resptest.Error("OOM command not allowed when used memory > 'maxmemory'.")
	c.Line(`JSON.SET a $ {"x":1}`)
	c.Line("JSON.SET b $ 1")
	c.Expect("JSON.SET c $ 1", oom)
	c.Expect("JSON.MSET b $ 2 c $ 1", oom)
	c.Expect("JSON.GET b", resptest.Bulk("1"))
	c.ExpectArgs(oom, "JSON.SET", "a", "$.x", `"`+strings.Repeat("x", 100)+`"`)
	c.Expect("JSON.GET a", resptest.Bulk(`{"x":1}`))
	c.Expect("DEL a", `{"i":1}`)
	c.ExpectArgs(resptest.OK, "JSON.SET", "c", "$", `"`+strings.Repeat("x", 90)+`"`)
	c.Expect("JSON.SET b $ 12345678", resptest.OK)
	c.Expect("JSON.SET b $ 123456789", oom)
}
