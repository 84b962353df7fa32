package wevt

import "testing"

func TestProviderName(t *testing.T) {
	for xml, want := range map[string]string{
		`<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'><System><Provider Name='Service Control Manager' Guid='{1}'/>`: "Service Control Manager",
		`<Event><System><Provider Name="A &amp; B"/>`: "A & B",
		`<Event><System><Provider Guid='{1}'/>`:       "",
		``:                                            "",
	} {
		if got := providerName(xml); got != want {
			t.Errorf("%s has %q, want %q", xml, got, want)
		}
	}
}
