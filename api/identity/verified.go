package identity

import (
	"crypto/sha256"
	"sync"
)

// verifiedAtOnce is how many tokens are remembered, twice over at most.
const verifiedAtOnce = 4096

// verified remembers of tokens that a key made their signature, which is dear to find out
// and never changes. Which tokens they are it does not know: it keeps digests.
type verified struct {
	mu         sync.Mutex
	young, old map[[sha256.Size]byte]struct{}
}

func verifiedKey(token, key string) [sha256.Size]byte {
	return sha256.Sum256([]byte(key + " " + token))
}

func (v *verified) has(token, key string) bool {
	digest := verifiedKey(token, key)
	v.mu.Lock()
	defer v.mu.Unlock()
	if _, ok := v.young[digest]; ok {
		return true
	}
	_, ok := v.old[digest]
	if ok {
		v.keep(digest)
	}
	return ok
}

func (v *verified) add(token, key string) {
	digest := verifiedKey(token, key)
	v.mu.Lock()
	defer v.mu.Unlock()
	v.keep(digest)
}

// keep is called with the lock.
func (v *verified) keep(digest [sha256.Size]byte) {
	if len(v.young) >= verifiedAtOnce {
		v.young, v.old = nil, v.young
	}
	if v.young == nil {
		v.young = map[[sha256.Size]byte]struct{}{}
	}
	v.young[digest] = struct{}{}
}
