package docker_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/powernode/powernode/controllers/internal/docker"
)

// authority signs certificates for a test.
type authority struct {
	t    *testing.T
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  []byte
}

func newAuthority(t *testing.T) *authority {
	a := &authority{t: t}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign, NotAfter: time.Now().Add(time.Hour)}
	a.pem, _ = a.sign(template)
	return a
}

// sign makes a certificate and its key, both in PEM; the first one is the authority's own.
func (a *authority) sign(template *x509.Certificate) (cert, key []byte) {
	a.t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	template.Subject = pkix.Name{CommonName: "test"}
	if a.cert == nil {
		a.cert, a.key = template, private
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &private.PublicKey, a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		a.t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw})
}

func (a *authority) leaf(usage x509.ExtKeyUsage) (cert, key []byte) {
	return a.sign(&x509.Certificate{
		SerialNumber: big.NewInt(2), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{usage}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	})
}

// guarded answers pings over TLS, to those who show a certificate of the authority.
func guarded(t *testing.T, a *authority) (endpoint string) {
	t.Helper()
	cert, key := a.leaf(x509.ExtKeyUsageServerAuth)
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	clients := x509.NewCertPool()
	clients.AppendCertsFromPEM(a.pem)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("API-Version", "1.41")
	}))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, ClientCAs: clients, ClientAuth: tls.RequireAndVerifyClientCert}
	server.StartTLS()
	t.Cleanup(server.Close)
	return "tcp://" + server.Listener.Addr().String()
}

func TestTLSIsMutual(t *testing.T) {
	ours, others := newAuthority(t), newAuthority(t)
	endpoint := guarded(t, ours)
	cert, key := ours.leaf(x509.ExtKeyUsageClientAuth)
	wrongCert, wrongKey := others.leaf(x509.ExtKeyUsageClientAuth)
	cases := map[string]struct {
		tls *docker.TLS
		ok  bool
	}{
		"all right":                      {&docker.TLS{CA: ours.pem, Cert: cert, Key: key, Verify: true}, true},
		"another authority":              {&docker.TLS{CA: others.pem, Cert: cert, Key: key, Verify: true}, false},
		"another authority, not checked": {&docker.TLS{CA: others.pem, Cert: cert, Key: key}, true},
		"the system's authorities":       {&docker.TLS{Cert: cert, Key: key, Verify: true}, false},
		"a stranger's certificate":       {&docker.TLS{CA: ours.pem, Cert: wrongCert, Key: wrongKey, Verify: true}, false},
		"no certificate":                 {&docker.TLS{CA: ours.pem, Verify: true}, false},
		"no TLS":                         {nil, false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			engine, err := docker.Dial(docker.Target{Endpoint: endpoint, TLS: c.tls})
			if err != nil {
				t.Fatal(err)
			}
			defer engine.Close()
			err = engine.Ping(t.Context())
			if c.ok != (err == nil) {
				t.Errorf("ping: %v", err)
			}
			if err != nil && !errors.Is(err, docker.ErrUnreachable) && !strings.Contains(err.Error(), endpoint) {
				t.Errorf("the error names no endpoint: %v", err)
			}
		})
	}
}

func TestAnEngineThatIsTooOld(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("API-Version", "1.40") }))
	defer server.Close()
	engine, err := docker.Dial(docker.Target{Endpoint: "tcp://" + server.Listener.Addr().String()})
	if err != nil {
		t.Fatal(err)
	}
	if err := engine.Ping(t.Context()); err == nil || !strings.Contains(err.Error(), "version 1.41 (Docker 20.10) or later is needed") {
		t.Errorf("%v", err)
	}
}
