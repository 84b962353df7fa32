package httpserve

import (
	"maps"
	"net/netip"
	"sync"
	"time"
)

const (
	maxWrong    = 10 // attempts of one client in a window
	window      = time.Minute
	maxClients  = 4096 // that are remembered; the others share one place
	otherClient = "others"
)

// Attempts counts wrong credentials by client. The zero value is ready to use, by several goroutines at once.
type Attempts struct {
	mu    sync.Mutex
	wrong map[string]wrongAttempts
}

type wrongAttempts struct {
	count int
	first time.Time
}

// ClientOf returns what distinguishes clients: the address, of IPv6 the network.
func ClientOf(remoteAddr string) string {
	addr, err := netip.ParseAddrPort(remoteAddr)
	if err != nil {
		return otherClient
	}
	ip := addr.Addr().Unmap().WithZone("")
	if ip.Is4() {
		return ip.String()
	}
	network, _ := ip.Prefix(64)
	return network.String()
}

// AreExhausted reports whether a client must wait.
func (a *Attempts) AreExhausted(client string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	w := a.wrong[a.place(client)]
	return w.count >= maxWrong && time.Since(w.first) < window
}

// RecordWrong counts a wrong attempt.
func (a *Attempts) RecordWrong(client string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.wrong == nil {
		a.wrong = map[string]wrongAttempts{}
	}
	if len(a.wrong) >= maxClients {
		maps.DeleteFunc(a.wrong, func(_ string, w wrongAttempts) bool { return time.Since(w.first) >= window })
	}
	place := a.place(client)
	w := a.wrong[place]
	if time.Since(w.first) >= window {
		w = wrongAttempts{first: time.Now()}
	}
	w.count++
	a.wrong[place] = w
}

// place returns the key of a client.
func (a *Attempts) place(client string) string {
	if _, known := a.wrong[client]; !known && len(a.wrong) >= maxClients {
		return otherClient
	}
	return client
}
