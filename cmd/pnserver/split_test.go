package main

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"testing"
)

func TestOneAddressServesHTTPAndHTTPS(t *testing.T) {
	cert, key, err := selfSigned("127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	plain, secure := splitTLS(listener)
	s := &http.Server{
		TLSConfig: serving(pair),
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.TLS != nil {
				io.WriteString(w, "secure "+r.Proto)
			} else {
				io.WriteString(w, "plain")
			}
		}),
	}
	ended := make(chan error, 2)
	go func() { ended <- s.Serve(plain) }()
	go func() { ended <- s.ServeTLS(secure, "", "") }()

	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(cert)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, ForceAttemptHTTP2: true}}
	for url, want := range map[string]string{"http://": "plain", "https://": "secure HTTP/2.0"} {
		resp, err := client.Get(url + listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || string(got) != want {
			t.Errorf("%s: %q, %v; want %q", url, got, err, want)
		}
	}

	if err := s.Shutdown(t.Context()); err != nil {
		t.Errorf("shutdown: %v", err)
	}
	for range 2 {
		if err := <-ended; err != http.ErrServerClosed {
			t.Errorf("a listener ended with %v", err)
		}
	}
}
