package embedded

import (
	"errors"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// sessionLimits are low, so that sessions reach them.
func sessionLimits() Config {
	return Config{MaxSeries: 20, MaxSamples: 2000, MaxDocuments: 20, MaxDocumentBytes: 64 << 10, MaxObjectBytes: 256 << 10, MaxLabelBytes: 64 << 10, MaxClientBytes: 8 << 20}
}

// FuzzSession runs sessions on two connections. There must be no panic and no
// hang, the memory must stay bounded, and the server must answer a new client
// afterwards. Input that starts with an even byte is sent unchanged. In other
// input each pair of bytes selects a word.
func FuzzSession(f *testing.F) {
	for _, s := range sessionSeeds() {
		f.Add([]byte(" " + s))
	}
	rnd := rand.New(rand.NewPCG(1, 1))
	for range 20 {
		f.Add(append([]byte{'!'}, randomWords(rnd)...))
	}
	s := start(f, sessionLimits())
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) == 0 || len(data) > 64<<10 {
			return
		}
		text := string(data[1:])
		if data[0]%2 == 1 {
			text = chooseWords(data[1:], dictionary(s))
		}
		runSession(t, s, text)
	})
}

// TestRandomSessions runs the second kind of input of FuzzSession in every test
// run.
func TestRandomSessions(t *testing.T) {
	s := start(t, sessionLimits())
	words := dictionary(s)
	for seed := range uint64(150) {
		runSession(t, s, chooseWords(randomWords(rand.New(rand.NewPCG(seed, 2))), words))
	}
}

// runSession sends the lines to one connection, and those after an empty line
// to the other.
func runSession(t *testing.T, s *Server, text string) {
	t.Helper()
	s.FlushAll()
	first, second, _ := strings.Cut(text, "\n\n")
	ended := make(chan error, 2)
	for _, lines := range []string{first, second} {
		c, err := net.Dial("tcp", s.Addr())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		_ = c.SetDeadline(time.Now().Add(30 * time.Second)) // longer is a hang
		go func() {
			_, _ = io.WriteString(c, lines) // fails if the server closes the connection first
			_ = c.(*net.TCPConn).CloseWrite()
		}()
		go func() {
			_, err := io.Copy(io.Discard, c)
			ended <- err
		}()
	}
	for range 2 {
		if err := <-ended; err != nil {
			var timeout net.Error
			if errors.As(err, &timeout) && timeout.Timeout() {
				t.Fatalf("no end after 30 s:\n%.2000q", text)
			}
		}
	}
	checkServer(t, s, text)
}

func checkServer(t *testing.T, s *Server, text string) {
	t.Helper()
	s.loggedPanics.Range(func(name, _ any) bool {
		t.Errorf("%v panicked:\n%.2000q", name, text)
		s.loggedPanics.Delete(name)
		return true
	})
	c := dial(t, s)
	defer c.Conn.Close()
	_ = c.Conn.SetDeadline(time.Now().Add(30 * time.Second))
	c.Expect("PING", `{"s":"PONG"}`)
	limits := sessionLimits()
	if st := s.Stats(); st.Series > limits.MaxSeries || st.Samples > int64(limits.MaxSamples) || st.Documents > limits.MaxDocuments || st.Ordinary > limits.MaxObjectBytes || st.Ordinary < 0 {
		t.Errorf("%+v after\n%.2000q", st, text)
	}
	var mem runtime.MemStats
	if runtime.ReadMemStats(&mem); mem.HeapAlloc > 256<<20 {
		t.Errorf("%d MiB of heap after\n%.2000q", mem.HeapAlloc>>20, text)
	}
	s.FlushAll()
	if st := s.Stats(); st.Bytes != 0 && st.Ordinary != 0 || s.series.Usage().LabelBytes != 0 || documentBytes(s) != 0 || st.Samples != 0 {
		t.Errorf("empty, and still %+v after\n%.2000q", st, text)
	}
}

// dictionary returns the words of structured sessions.
func dictionary(s *Server) []string {
	words := slices.Sorted(maps.Keys(s.commands))
	for range 4 { // makes words that fit together frequent
		words = append(words, "k", "l", "h", "s", "z", "x", "ts", "ts2", "d:1", "h:1", "i", "0", "1", "2", "-1", "\n", "\n", "\n", "\n")
	}
	return append(words, strings.Fields(`* $ + - ~ = ( ) < > 0-1 1-1 1-* 9223372036854775807 -9223372036854775808 18446744073709551615 1e308 nan inf -inf (1 [1 1.5 100 1000 33554431
		EX PX NX XX GT LT CH INCR GET KEEPTTL PERSIST MATCH COUNT TYPE MAXLEN MINID LIMIT STREAMS GROUP g one NOACK MKSTREAM CREATE DESTROY CREATECONSUMER DELCONSUMER BLOCK WITHSCORES BYSCORE REV BEFORE AFTER LEFT RIGHT REPLACE DB
		RETENTION LABELS a=b a!= a b DUPLICATE_POLICY LAST SUM ON_DUPLICATE IGNORE AGGREGATION avg twa count EMPTY ALIGN start BUCKETTIMESTAMP mid FILTER a=(b,c) GROUPBY REDUCE max
		FILTER_BY_TS FILTER_BY_VALUE SELECTED_LABELS WITHLABELS LATEST TIMESTAMP CHUNK_SIZE ENCODING
		ON JSON HASH PREFIX d: h: SCHEMA AS TEXT TAG NUMERIC SORTABLE NOINDEX WEIGHT SEPARATOR STOPWORDS SKIPINITIALSCAN LANGUAGE SCORE ADD DD
		SORTBY DESC ASC NOCONTENT RETURN LOAD APPLY DIALECT PARAMS TIMEOUT @t:{a} @n:[0,1] @m:a "@n:[-inf\x20inf]" -a a* *a* a|b %a% $.a $.b $..a $[0] .a {"a":1} {"a":"b","n":2} [1,2,[3]] "a\x20b"
		INDENT NEWLINE SPACE FORMAT STRING NUMSUB CHANNELS NUMPAT USAGE STREAM INFO LIST SETNAME SETINFO DOCS AUTH HELLO 3 SYNC EVAL SCRIPT FUNCTION FCALL`)...)
}

// chooseWords makes lines: complete ones of the seeds, or a command with words
// that may fit.
func chooseWords(data []byte, words []string) string {
	known := strings.Split(strings.Join(sessionSeeds(), ""), "\n")
	names := slices.IndexFunc(words, func(w string) bool { return w == "k" }) // the commands are before it
	var b strings.Builder
	for fresh := true; len(data) > 1; data = data[2:] {
		n := int(data[0])<<8 | int(data[1])
		word := words[n%len(words)]
		switch {
		case fresh && n%3 == 0:
			b.WriteString(known[n/3%len(known)] + "\n")
			continue
		case fresh:
			word = words[n/3%names]
		}
		b.WriteString(word + " ")
		fresh = word == "\n"
	}
	return b.String() + "\n"
}

func randomWords(rnd *rand.Rand) []byte {
	data := make([]byte, 2*(50+rnd.IntN(800)))
	for i := range data {
		data[i] = byte(rnd.Uint32())
	}
	return data
}

// sessionSeeds returns sessions with all kinds of commands.
func sessionSeeds() []string {
	return []string{
		"SET k v EX 10\nGET k\nAPPEND k x\nSETRANGE k 1000 x\nSETBIT k 7 1\nBITCOUNT k\nGETRANGE k 0 -1\nINCRBYFLOAT n 1.5\nINCR n\nMSET a 1 b 2\nMGET a b\nGETDEL a\nGETEX b PERSIST\n",
		"HSET h a 1 b 2\nHGETALL h\nHINCRBY h a 5\nHSCAN h 0 MATCH *\nHDEL h a b\n\nBLPOP l 0\nLPUSH l a\n",
		"RPUSH l a b c\nLRANGE l 0 -1\nLINSERT l BEFORE b x\nLREM l -1 a\nLTRIM l 0 1\nLMOVE l m LEFT RIGHT\nLPOP l 5\nCOPY m n REPLACE\n",
		"SADD s a b\nSADD t b c\nSINTER s t\nSUNIONSTORE u s t\nSDIFF s t\nSPOP s\nSRANDMEMBER t -3\nSSCAN t 0\nSMOVE t s b\n",
		"ZADD z 1 a 2 b\nZRANGE z 0 -1 WITHSCORES\nZADD z GT CH 5 a\nZRANGE z (1 +inf BYSCORE LIMIT 0 1\nZREVRANK z a\nZPOPMIN z 3\nZREMRANGEBYSCORE z 0 1\n",
		"XADD x * a b\nXADD x MAXLEN ~ 10 5-* a b\nXRANGE x - + COUNT 1\nXREAD COUNT 1 STREAMS x 0\nXDEL x 1-1\nXINFO STREAM x\nXTRIM x MINID 5\n\nXREAD BLOCK 0 STREAMS x $\n",
		"TS.CREATE ts LABELS a b\nTS.MADD ts 1 1 ts 2 2\nTS.MRANGE - + WITHLABELS FILTER a=b\nTS.CREATE c\nTS.CREATERULE ts c AGGREGATION avg 10\nTS.ADD ts 50 1\nTS.DEL ts 0 5\nTS.INFO ts\n",
		"FT.CREATE i ON JSON PREFIX 1 d: SCHEMA $.a AS a TEXT $.n AS n NUMERIC SORTABLE\nJSON.SET d:1 $ {\"a\":\"b\",\"n\":1}\nFT.SEARCH i b SORTBY n\nFT.AGGREGATE i * GROUPBY 1 @a REDUCE COUNT 0\nFT.CREATE i x SCHEMA t TEXT\n",
		"FT.CREATE i ON HASH PREFIX 1 h: SCHEMA m TEXT\nHSET h:1 m hello\nFT.SEARCH i hello\nRENAME h:1 h:2\nEXPIRE h:2 1\nFT.INFO i\nFT.DROPINDEX i DD\n",
		"XADD x 1-1 a b\nXGROUP CREATE x g 0\nXREADGROUP GROUP g one COUNT 1 STREAMS x >\nXPENDING x g\nXPENDING x g - + 10\nXREADGROUP GROUP g one STREAMS x 0\nXACK x g 1-1\nXINFO GROUPS x\n\nXREADGROUP GROUP g two BLOCK 0 STREAMS x >\n",
		"WATCH k\nMULTI\nSET k v\nBLPOP l 0\nEXEC\nSUBSCRIBE a b\nPING\nUNSUBSCRIBE\n\nSET k w\nPUBLISH a hello\nPUBSUB NUMSUB a\n",
		"HELLO 3\nSUBSCRIBE a\nPSUBSCRIBE a*\nGET k\n\nPUBLISH a hello\nKEYS *\nSCAN 0 TYPE string\nINFO\nCLIENT LIST\nCOMMAND\n",
		"EVAL \"return 1\" 0\nEVALSHA a 0\nSCRIPT LOAD x\nFUNCTION LOAD x\nFCALL f 0\n*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n*1\r\n$999999999\r\n",
	}
}

func TestSessionSeeds(t *testing.T) {
	s := start(t, sessionLimits())
	for _, text := range sessionSeeds() {
		runSession(t, s, text)
	}
}
