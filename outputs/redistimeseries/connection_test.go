package redistimeseries_test

import (
	"strings"
	"testing"
)

// The settings of connections, as a user meets them.
func TestConnectionProblems(t *testing.T) {
	for text, want := range map[string]string{
		"sentinel: {}": `sentinel.master: is missing: the name that the Sentinels know the master by, often mymaster`,
		"sentinel: {master: m, addresses: ['a:b']}":                 `sentinel.addresses[0]: must be an address such as 10.0.0.1:26379 or [fd00::1]:26379, not "a:b"`,
		"sentinel: {master: m, addresses: [a, '[fd00::1]:7', b:1]}": ``,
		"{sentinel: {master: m, addresses: [a]}, db: 3}":            ``,
		"{sentinel: {master: m, addresses: [a]}, host: b}":          `sentinel: replaces url, host and port: use one or the other`,
		"{sentinel: {master: m, addresses: [a]}, url: 'redis://b'}": `sentinel: replaces url, host and port: use one or the other`,
		"{sentinel: {master: m, addresses: [a]}, cluster: [b]}":     `cluster: needs no sentinel`,
		"cluster: ['redis://a']":                                    `cluster[0]: must be an address such as 10.0.0.1:6379 or [fd00::1]:6379, not "redis://a"`,
		"{cluster: [a, b:7000], port: 7}":                           `cluster: replaces url, host and port: use one or the other`,
		"{cluster: [a], db: 1}":                                     `db: must be 0: a cluster has no other`,
		"cluster: [a, b:7000]":                                      ``,
		"tls: {}":                                                   ``,
		"tls: true":                                                 `tls: must be a map`,
		"tls: {min_version: 1.1}":                                   `tls.min_version: must be "1.2" or "1.3", not "1.1"`,
		"tls: {cert: a}":                                            `tls.cert: must be set together with key`,
		"tls: {verify: false}":                                      `tls: unknown key "verify"`,
		"{tls: {}, ssl_ca_certs: a}":                                `tls: replaces ssl_ca_certs, ssl_certfile and ssl_keyfile: use one or the other`,
		"{tls: {}, ssl: true}":                                      ``,
		"ssl_keyfile: a":                                            `ssl_certfile: needs ssl_keyfile`,
		"socks4_proxy: socks4://user@h":                             ``,
		"socks4_proxy: socks5://h":                                  `socks4_proxy: must be a URL such as socks4://user@host:1080`,
		"socks5_proxy: socks5h://u:p@h":                             ``,
		"socks5_proxy: h:1080":                                      `socks5_proxy: must be a URL such as socks5://user:password@host:1080`,
		"{socks4_proxy: 'socks4://h', socks5_proxy: 'socks5://h'}":  `socks4_proxy: replaces socks5_proxy: use one or the other`,
		"connect_timeout: 10ms":                                     `connect_timeout: must be at least 100ms`,
		"timeout: 0":                                                `timeout: must be at least 100ms`,
		"tls:":                                                      `tls: is empty: indent its settings below it, write {} for the defaults, or remove it`,
		"{sentinel: null, host: a}":                                 `sentinel: is empty`,
		"cluster: []":                                               `cluster: is empty: list some of its nodes`,
		"username: a":                                               `username: needs a password`,
		"{username: a, url: 'redis://:pw@h'}":                       ``,
		"sentinel: {master: m, addresses: [a], username: u}":        `sentinel.username: needs a password`,
		"{url: 'unix:///s', socks5_proxy: 'socks5://h'}":            `url: names a socket of this machine, which needs no proxy`,
		"client_name: secret:name":                                  `client_name: must not come from a secret store`,
		"client_name: a b":                                          `client_name: must consist of printable ASCII without blanks`,
	} {
		got := problems(t, text)
		if (got == "") != (want == "") || want != "" && !strings.Contains(got, "redistimeseries."+want) {
			t.Errorf("%s\n got: %s\nwant: %s", text, got, want)
		}
		if strings.Contains(got, "u:p@h") {
			t.Errorf("%s shows a password: %s", text, got)
		}
	}
}
