package sysloginput

import (
	"strings"
	"testing"

	"github.com/rtcollector/rtcollector/plugins/plugintest"
)

// Each error names the key and the mistake.
func TestConfigErrors(t *testing.T) {
	for config, want := range map[string]string{
		"server: 514":                               `:1:9: syslog.server: must be like "udp://:514"`,
		"server: http://x":                          `server: must be like "udp://:514"`,
		"server: udp://u@x":                         `server: must be like "udp://:514"`,
		"server: udp://x/path":                      `server: must be like "udp://:514"`,
		"server: unix://":                           `server: must be like "udp://:514"`,
		"server: unix://x/y":                        `server: must be like "udp://:514"`,
		"server: 'udp://:nope'":                     `server: must be like "udp://:514"`,
		"server: 'tcp://:70000'":                    `server: must have a port from 0 to 65535, not "tcp://:70000"`,
		"servers: ['udp://:1', 'udp://:1']":         `servers: udp:1 appears twice`,
		"server: 'tls://:1'":                        `tls_cert: and tls_key are needed for tls:1`,
		"syslog_standard: RFC3165":                  `syslog_standard: must be one of auto, rfc5424, rfc3164, not "rfc3165" (did you mean "rfc3164"?)`,
		"framing: octet":                            `framing: must be one of auto, octet-counting, non-transparent, not "octet"`,
		"trailer: CR":                               `trailer: must be one of lf, nul`,
		"content_encoding: zstd":                    `content_encoding: must be one of identity, gzip`,
		"socket_mode: '0888'":                       `socket_mode: must be like "0660"`,
		"socket_mode: '7777'":                       `socket_mode: must be like "0660"`,
		"timezone: Mars":                            `timezone: must be a name such as "Europe/Berlin"`,
		"max_message_size: 479":                     `max_message_size: must be from 480 to 16MiB`,
		"max_message_size: 17MiB":                   `max_message_size: must be from 480 to 16MiB`,
		"max_decompression_size: 1KiB":              `max_decompression_size: must not be less than max_message_size`,
		"{framing: octet-counting, timezone: Mars}": `:1:27: syslog.timezone: `,
		"max_connections: -1":                       `max_connections: must not be negative; 0 sets no limit`,
		"read_timeout: -1s":                         `:1:15: syslog.read_timeout: must be a duration`,
		"keep_alive_period: -1s":                    `:1:20: syslog.keep_alive_period: must be a duration`,
		"read_buffer_size: -1":                      `:1:19: syslog.read_buffer_size: must be a size`,
		"sdparam_separatr: x":                       `sdparam_separator`,
		"{server: 'tls://:1', tls_cert: /no}":       `:1:22: syslog.tls_cert: must be set together with tls_key`,
	} {
		_, problems := plugintest.Decode(t, Plugin, config)
		err := problems.Err()
		if err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), ":1:") {
			t.Errorf("%s: %v, want %s", config, err, want)
		}
	}
}
