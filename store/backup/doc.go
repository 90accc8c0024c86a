// Package backup is the format of a backup file. It knows nothing of databases.
//
// A file is the line "powernode backup 1" and frames behind it. A frame is its type (one byte), the
// length of its content (four bytes, the highest first), the content, and the CRC-32C of
// all three. The types, in the order in which they come:
//
//	H  one Header, in JSON
//	T  a table begins: a Table, in JSON
//	D  a piece of its rows, deflated: together they are what PostgreSQL's COPY ... (FORMAT binary) says
//	E  the table ends: how many rows it has, in JSON
//	Z  the SHA-256 of all bytes before this frame; nothing comes behind it
//
// So a file that was cut off has no Z, one of which a byte was changed fails where that byte
// is read, before anything is made of it, and one of which frames are missing or
// moved fails at the end. Reader and Writer hold a few pieces in memory, however large the file is.
package backup

import (
	"errors"
	"hash/crc32"
	"time"
)

const magic = "powernode backup 1\n"

// pieceSize is how many bytes of rows go into a frame; maxFrame is more than any frame has.
const (
	pieceSize = 1 << 20
	maxFrame  = 4 << 20
)

const (
	frameHeader = 'H'
	frameTable  = 'T'
	frameData   = 'D'
	frameEnd    = 'E'
	frameDigest = 'Z'
)

// ErrDamaged says that a file is not what was written.
var ErrDamaged = errors.New("the backup is damaged")

// ErrNoBackup says that a file is something else.
var ErrNoBackup = errors.New("this is no backup of pnserver db backup")

// Header says what a backup is of.
type Header struct {
	Program    string    `json:"program"`    // version that wrote it
	PostgreSQL string    `json:"postgresql"` // version it was read from
	At         time.Time `json:"at"`         // by the clock of the database
	Step       int       `json:"step"`       // of the migrations
	Revision   int64     `json:"revision"`   // everything up to it is in, and nothing behind it
	AuditHead  string    `json:"auditHead"`  // of the chain of audit records, in hexadecimal digits
	AuditLast  int64     `json:"auditLast"`  // number of the last record
	Keys       []string  `json:"keys"`       // names of the keys that secrets are encrypted with
	Days       []string  `json:"days"`       // of logs, as 20060102
	Weeks      []string  `json:"weeks"`      // of audit records, as 20060102
	Logs       bool      `json:"logs"`       // the logs of runs are in
}

// Table says which rows come next.
type Table struct {
	Name    string   `json:"name"`
	Columns []string `json:"columns"`
}

type tableEnd struct {
	Rows int64 `json:"rows"`
}

func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }
