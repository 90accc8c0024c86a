package memory_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/powernode/powernode/store"
	"github.com/powernode/powernode/store/memory"
	"github.com/powernode/powernode/store/storetest"
)

func TestStore(t *testing.T) {
	storetest.Store(t, func(*testing.T) store.Store { return new(memory.Store) })
}

func TestFences(t *testing.T) {
	storetest.Fences(t, func(*testing.T) (store.Store, func(string), func(string)) {
		s := new(memory.Store)
		return s, s.Join, s.Leave
	})
}

func TestTasks(t *testing.T) {
	storetest.Tasks(t, time.Second, func(*testing.T) store.Tasks { return &memory.Tasks{LeaseTime: time.Second} })
}

func TestLogs(t *testing.T) {
	storetest.Logs(t, func(*testing.T) store.Logs { return new(memory.Logs) })
}

func TestBlobs(t *testing.T) {
	storetest.Blobs(t, func(*testing.T) store.Blobs { return new(memory.Blobs) })
}

func TestAudit(t *testing.T) {
	storetest.Audit(t, func(*testing.T) store.Store { return new(memory.Store) },
		func(s store.Store) store.Audit { return s.(*memory.Store).Audit() })
}

func TestMembers(t *testing.T) {
	// In fake time, as silence takes its time.
	storetest.Members(t, func(t *testing.T, rule func(*testing.T, storetest.MembersWorld)) {
		synctest.Test(t, func(t *testing.T) {
			var s memory.Store
			all := &memory.Members{Store: &s}
			rule(t, storetest.MembersWorld{
				Process: func() (store.Store, store.Members) { return &s, all },
				Silence: func(m store.Member) { all.Silence(m.ID()) },
				Hear:    func(m store.Member) { all.Hear(m.ID()) },
			})
		})
	})
}
