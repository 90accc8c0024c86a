package audit

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
)

// Hash is a SHA-256.
type Hash [sha256.Size]byte

// String is the hash in lower-case hexadecimal digits.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// MarshalText writes hexadecimal digits.
func (h Hash) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// UnmarshalText reads hexadecimal digits.
func (h *Hash) UnmarshalText(text []byte) error {
	raw, err := hex.DecodeString(string(text))
	if err != nil || len(raw) != len(h) {
		return fmt.Errorf("%q is not a SHA-256 in hexadecimal digits", text)
	}
	copy(h[:], raw)
	return nil
}

// Sum is what a link says of one record.
type Sum struct {
	ID   int64 `json:"id"`
	Hash Hash  `json:"hash"` // of the record's document
}

// Link is what was committed together: at least one record, by number.
type Link struct {
	Sums []Sum `json:"sums"`
	Head Hash  `json:"head"` // of the chain, with this link
}

// Head is a place in the chain: its hash with all records up to a number.
type Head struct {
	ID   int64 `json:"id"`
	Hash Hash  `json:"hash"`
}

// Chain is a part of the chain, in order, between where all that is kept begins
// and where it ended at that moment.
type Chain struct {
	Anchor Head   `json:"anchor"`
	Links  []Link `json:"items"`
	Head   Head   `json:"head"`
}

// HashOf is the hash of a record's document.
func HashOf(document []byte) Hash { return sha256.Sum256(document) }

// Append is the link that comes after head with some entries, by number.
func Append(head Hash, entries ...Entry) Link {
	l := Link{}
	for _, e := range entries {
		l.Sums = append(l.Sums, Sum{e.ID, HashOf(e.Document)})
	}
	l.Head = Next(head, l.Sums)
	return l
}

// sumSize is the length of a sum in bytes.
const sumSize = 8 + sha256.Size

// Next is the head after a link.
func Next(head Hash, sums []Sum) Hash {
	h := sha256.New()
	h.Write(head[:])
	h.Write(Pack(sums))
	return Hash(h.Sum(nil))
}

// Pack is sums as bytes, in the form that heads are made of.
func Pack(sums []Sum) []byte {
	packed := make([]byte, 0, len(sums)*sumSize)
	for _, s := range sums {
		packed = binary.BigEndian.AppendUint64(packed, uint64(s.ID))
		packed = append(packed, s.Hash[:]...)
	}
	return packed
}

// Unpack is the way back from Pack.
func Unpack(packed []byte) ([]Sum, error) {
	if len(packed)%sumSize != 0 {
		return nil, fmt.Errorf("%d bytes are no whole number of sums of records", len(packed))
	}
	var sums []Sum
	for ; len(packed) > 0; packed = packed[sumSize:] {
		sums = append(sums, Sum{int64(binary.BigEndian.Uint64(packed)), Hash(packed[8:sumSize])})
	}
	return sums, nil
}
