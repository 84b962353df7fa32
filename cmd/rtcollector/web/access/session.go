package access

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"net/http"
	"time"

	"github.com/rtcollector/rtcollector/internal/httpserve"
)

const (
	cookieName  = "rtcollector_session"
	sessionTime = 7 * 24 * time.Hour
)

// sessionKeys signs the cookies of browsers. A cookie is the time of its end and a signature. It is valid until then, or until this
// process ends or the credential changes.
type sessionKeys struct{ secret [32]byte }

func newSessionKeys() (k sessionKeys) {
	_, _ = rand.Read(k.secret[:]) // never fails
	return k
}

// sign returns the signature of an end, in seconds since 1970.
func (k *sessionKeys) sign(end int64, credential httpserve.Digest) []byte {
	mac := hmac.New(sha256.New, k.secret[:])
	_ = binary.Write(mac, binary.BigEndian, end)
	_, _ = mac.Write(credential[:])
	return mac.Sum(nil)
}

// issue returns the value of a new cookie.
func (k *sessionKeys) issue(credential httpserve.Digest) string {
	end := time.Now().Add(sessionTime).Unix()
	return base64.RawURLEncoding.EncodeToString(append(binary.BigEndian.AppendUint64(nil, uint64(end)), k.sign(end, credential)...))
}

func (k *sessionKeys) isValid(value string, credential httpserve.Digest) bool {
	data, err := base64.RawURLEncoding.DecodeString(value)
	if err != nil || len(data) != 8+sha256.Size {
		return false
	}
	end := int64(binary.BigEndian.Uint64(data))
	return subtle.ConstantTimeCompare(data[8:], k.sign(end, credential)) == 1 && time.Now().Unix() < end
}

// cookie returns the cookie with a value; "" removes it.
func (g *Guard) cookie(r *http.Request, value string) *http.Cookie {
	c := &http.Cookie{ //nolint:gosec // not Secure where the page is not: it would never be sent
		Name: cookieName, Value: value, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode, MaxAge: int(sessionTime / time.Second),
		Secure: g.settings.TLS || r.Header.Get("X-Forwarded-Proto") == "https",
	}
	if value == "" {
		c.MaxAge = -1
	}
	return c
}
