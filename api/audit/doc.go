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
// Every change of an object has its record in the same transaction, with one exception: the renewal of a Lease,
// which moves its renewTime and nothing else. It comes every few seconds for as long as a program
// runs, and audit policies of Kubernetes drop it, too; who takes a lease, and who gives it up, is recorded. Of
// refusals that anybody can cause at will (a wrong token, a read or a change that he may not make, calls beyond a
// limit) the first ones have a record each; then one record counts those that had none. Two are the same when who,
// what and whereon are.
//
// The package is pure; it refuses to know where records lie and who makes them.
package audit
