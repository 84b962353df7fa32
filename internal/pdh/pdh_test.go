package pdh

import (
	"testing"
)

func TestParsePath(t *testing.T) {
	for text, want := range map[string]Path{
		`\Memory\Available Bytes`:                                                       {Object: "Memory", Counter: "Available Bytes"},
		`\Processor Information(*)\% Processor Time`:                                    {"Processor Information", "*", "% Processor Time", true},
		`\\SRV\Prozessorinformationen(0,_Total)\Prozessorzeit (%)`:                      {"Prozessorinformationen", "0,_Total", "Prozessorzeit (%)", true},
		`\\SRV\Mémoire\Octets disponibles`:                                              {Object: "Mémoire", Counter: "Octets disponibles"},
		`\\SRV\Mémoire\Octets (disponibles)`:                                            {Object: "Mémoire", Counter: "Octets (disponibles)"},
		`\\SRV\Netzwerkschnittstelle(Intel[R] Ethernet _I219-LM _2)\Empfangene Bytes/s`: {"Netzwerkschnittstelle", "Intel[R] Ethernet _I219-LM _2", "Empfangene Bytes/s", true},
		`\\SRV\Prozess(a(b)c)\Prozessorzeit (%)`:                                        {"Prozess", "a(b)c", "Prozessorzeit (%)", true},
		`\\SRV\Logischer Datenträger(C:)\Freier Speicherplatz (%)`:                      {"Logischer Datenträger", "C:", "Freier Speicherplatz (%)", true},
		`\Thread(idle/0)\ID Thread`:                                                     {"Thread", "idle/0", "ID Thread", true},
		`\MSSQL$X:Databases(a\b)\Size`:                                                  {"MSSQL$X:Databases", `a\b`, "Size", true},
	} {
		if got, err := ParsePath(text); err != nil || got != want {
			t.Errorf("%s is %+v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", `\`, `\\`, `\\SRV`, `\Memory`, `Memory\Available Bytes`, `\Memory\`, `\\\x`, `\a\b\c`, `\(*)\x`, `\a(b)`, "\\a\\b\x00"} {
		if got, err := ParsePath(text); err == nil {
			t.Errorf("%q is %+v", text, got)
		}
	}
}

func FuzzParsePath(f *testing.F) {
	for _, text := range []string{`\Memory\Available Bytes`, `\\SRV\Prozess(a(b)c)\Prozessorzeit (%)`, `\\SRV\Mémoire\Octets`, `\a(b)c)\d`} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := ParsePath(text)
		if err != nil {
			return
		}
		if again, err := ParsePath(p.String()); err != nil || again != p {
			t.Errorf("%q is %+v, but %q is %+v, %v", text, p, p.String(), again, err)
		}
	})
}
