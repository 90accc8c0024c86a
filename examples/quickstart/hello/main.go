// Command hello is what the quickstart runs in containers: a job that counts
// words and ends, and a service that answers HTTP. It is built as a static
// binary and becomes an image by `docker import`, so no registry is needed.
package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: hello job WORD... | hello serve ADDRESS")
		os.Exit(2)
	}
	var err error
	switch os.Args[1] {
	case "job":
		err = job(os.Args[2:])
	case "serve":
		err = serve(strings.Join(os.Args[2:], ""))
	default:
		err = fmt.Errorf("unknown command %q", os.Args[1])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "hello:", err)
		os.Exit(1)
	}
}

func job(words []string) error {
	letters := 0
	for i, word := range words {
		letters += len(word)
		fmt.Printf("word %d of %d: %s\n", i+1, len(words), word)
		time.Sleep(100 * time.Millisecond)
	}
	fmt.Printf("counted %d letters in %d words\n", letters, len(words))
	return nil
}

func serve(address string) error {
	greeting := os.Getenv("GREETING")
	if greeting == "" {
		greeting = "hello"
	}
	server := &http.Server{Addr: address, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, greeting)
	})}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	go func() {
		<-ctx.Done()
		server.Shutdown(context.Background())
	}()
	fmt.Printf("serving %q on %s\n", greeting, address)
	if err := server.ListenAndServe(); err != http.ErrServerClosed {
		return err
	}
	return nil
}
