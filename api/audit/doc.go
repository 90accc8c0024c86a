// Package audit says what is remembered of a call that changes something, or
// was refused, and how a log of such records proves that it was not tampered with.
//
// A record is encoded once, when it is made; its hash is the SHA-256 of that document.
// All records that a store commits together are one link of a chain: the link
// lists their numbers and hashes (Sums), and its head is
//
//	head = SHA-256(head of the link before || for each record: number as 8 bytes, big-endian || hash)
//
// So whoever noted a head somewhere else can tell whether any record up to it was
// changed, removed, added or moved since: Verify does, and names the record. The chain begins
// with a head of zeros, or, when old records were dropped, with an anchor: the
// head of the last link that is gone.
//
// The package is pure; it refuses to know where records lie and who makes them.
package audit
