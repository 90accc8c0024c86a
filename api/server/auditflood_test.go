package server

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/powernode/powernode/api/audit"
	"github.com/powernode/powernode/store"
	"github.com/powernode/powernode/store/memory"
)

// refusedCalls is a server that records what it refuses, in fake time.
type refusedCalls struct {
	*testing.T
	server *Server
	log    store.Audit
}

// refuse is one refusal of a user; it is kept when its bound allows it.
func (c refusedCalls) refuse(user, name string) {
	r := audit.Record{User: user, Verb: "delete", Resource: "widgets", Name: name, Code: 403, Message: "no"}
	if r, keep := c.server.floods.of(true, r).take(r); keep {
		if err := c.log.Append(c.Context(), r); err != nil {
			c.Fatal(err)
		}
	}
}

// told is how many records there are of a user, and the sum of the refusals that they speak of.
func (c refusedCalls) told(user string) (kept, spoken int) {
	found, err := c.log.Records(c.Context(), audit.Query{User: user})
	if err != nil {
		c.Fatal(err)
	}
	for _, r := range found {
		more := 0
		if _, text, ok := strings.Cut(r.Message, "("); ok {
			fmt.Sscanf(text, "%d more", &more)
		}
		kept, spoken = kept+1, spoken+1+more
	}
	return kept, spoken
}

func (c refusedCalls) want(user string, kept, spoken int) {
	c.Helper()
	if k, s := c.told(user); k != kept || s != spoken {
		c.Errorf("%s has %d records of %d refusals, not %d of %d", user, k, s, kept, spoken)
	}
}

func tellingDropped(t *testing.T) (refusedCalls, func()) {
	c := refusedCalls{t, &Server{floods: newFloods()}, (&memory.Store{}).Audit()}
	c.server.cfg.Audit, c.server.cfg.Log = c.log, slog.New(slog.DiscardHandler)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		c.server.tellDropped(ctx)
		close(ended)
	}()
	return c, func() { cancel(); <-ended }
}

// Whoever tries the same in vain, again and again, fills the log with one record a minute; none is lost from the count.
func TestTheSameRefusalAgainIsCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, stop := tellingDropped(t)
		time.Sleep(time.Second) // between the minutes
		for range 500 {
			c.refuse("ann", "a")
		}
		c.refuse("ann", "b") // another object
		c.refuse("ben", "a") // another user
		c.want("ann", repeatBurst+1, repeatBurst+1)
		c.want("ben", 1, 1)
		time.Sleep(2 * time.Minute)
		c.want("ann", repeatBurst+2, 501)
		for range 60 {
			time.Sleep(time.Minute)
			for range 100 {
				c.refuse("ann", "a")
			}
		}
		time.Sleep(2 * time.Minute)
		if kept, spoken := c.told("ann"); spoken != 6501 || kept > repeatBurst+2+63 {
			t.Errorf("%d records of %d refusals", kept, spoken)
		}
		for range 50 {
			c.refuse("cat", "a")
		}
		stop()
		c.want("cat", repeatBurst+1, 50)
	})
}

// Names that are made up as fast as one can neither fill the memory nor the log.
func TestRefusalsOfEverythingAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, stop := tellingDropped(t)
		for n := range 5 * mostRepeats {
			c.refuse("eve", fmt.Sprint(n))
		}
		if n := c.server.floods.remembered(); n > mostRepeats {
			t.Errorf("%d are told apart", n)
		}
		time.Sleep(2 * time.Hour)
		if n := c.server.floods.remembered(); n != 0 {
			t.Errorf("%d are remembered after two hours of rest", n)
		}
		c.want("eve", mostRepeats+floodBurst+1, 5*mostRepeats)
		stop()
	})
}

// remembered is how many refusals are told apart.
func (f *floods) remembered() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.repeats)
}
