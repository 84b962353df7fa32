package httpresponse

import (
	"fmt"
	"strings"
	"testing"

	"github.com/rtcollector/rtcollector/internal/httpx/httpxtest"
	"github.com/rtcollector/rtcollector/internal/tlsx/tlstest"
	"github.com/rtcollector/rtcollector/plugins/plugintest"
)

// nginxConf makes nginx answer every request at once, with and without TLS.
const nginxConf = `daemon off; master_process off; user root; pid $DIR/pid; error_log $DIR/error;
events {}
http {
  access_log off;
  client_body_temp_path $DIR/1; proxy_temp_path $DIR/2; fastcgi_temp_path $DIR/3; uwsgi_temp_path $DIR/4; scgi_temp_path $DIR/5;
  server { listen 127.0.0.1:$PORT TLS; location / { return 200 '{"status": "ok"}'; } }
}`

// BenchmarkGather gathers 100 URLs. Their server is another process, whose CPU time does not count.
func BenchmarkGather(b *testing.B) {
	a := tlstest.New(b)
	cert, key := a.Issue(b, tlstest.Cert{})
	secured := "ssl http2; ssl_protocols TLSv1.2 TLSv1.3; ssl_certificate " + cert + "; ssl_certificate_key " + key
	for _, c := range []struct{ scheme, listen, keep string }{
		{"http", "", "false"}, {"http", "", "true"}, {"https", secured, "false"}, {"https", secured, "true"},
	} {
		b.Run(c.scheme+"/keep="+c.keep, func(b *testing.B) {
			conf := strings.Replace(nginxConf, "TLS", c.listen, 1)
			d := httpxtest.Start(b, "nginx-light", map[string]string{"conf": conf}, "nginx", "-c", "$DIR/conf", "-p", "$DIR", "-e", "$DIR/error")
			config := "{keep_connections: " + c.keep + ", tls: {ca: " + a.File + "}, urls: ["
			for i := range 100 {
				config += fmt.Sprintf("'%s://127.0.0.1:%s/%d', ", c.scheme, d.Port, i)
			}
			plugintest.Cost(b, startInput(b, config+"]}"))
		})
	}
}
