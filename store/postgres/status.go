package postgres

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/powernode/powernode/store"
)

// Status is what there is to say of a database. What its version does not have is left zero.
type Status struct {
	PostgreSQL string         `json:"postgresql"` // version
	Database   string         `json:"database"`
	Schema     string         `json:"schema"`
	Step       int            `json:"step"`
	Newest     int            `json:"newestStep"` // that this program knows
	StepName   string         `json:"stepName,omitempty"`
	Pending    []string       `json:"pending"`
	Bytes      int64          `json:"bytes"` // of all tables, with their indexes
	Tables     []TableStatus  `json:"tables,omitempty"`
	Objects    int64          `json:"objects"`
	Revision   store.Revision `json:"revision"`
	Floor      store.Revision `json:"oldestRevision"` // watches and lists from here on are answered
	Members    []Member       `json:"members,omitempty"`
	Keys       []SealingKey   `json:"keys,omitempty"`
	Audit      AuditStatus    `json:"audit"`
}

// TableStatus is one table, its partitions and indexes counted in.
type TableStatus struct {
	Name       string `json:"name"`
	Partitions int    `json:"partitions"` // 0 where the table has none
	Bytes      int64  `json:"bytes"`
}

// Member is a server that runs controllers.
type Member struct {
	ID    string    `json:"id"`
	Name  string    `json:"name"`
	Since time.Time `json:"since"`
	Slots int       `json:"slots"` // that it owns
}

// SealingKey is a key that secrets are encrypted with.
type SealingKey struct {
	ID      string    `json:"id"`
	Current bool      `json:"current"`
	Since   time.Time `json:"since"`
}

// AuditStatus is the end of the chain of audit records, and what comes before all that is kept.
type AuditStatus struct {
	Last     int64  `json:"last"`
	Head     string `json:"head"` // in hexadecimal digits
	Anchor   int64  `json:"anchor"`
	AnchorAt string `json:"anchorHead"`
}

// ReadStatus reads it in one snapshot, and changes nothing.
func ReadStatus(ctx context.Context, dsn string) (s Status, err error) {
	conn, schema, err := connectSchema(ctx, dsn)
	if err != nil {
		return s, err
	}
	defer hangUp(ctx, conn)
	s.Schema = schema
	steps, err := SchemaSteps(ctx, conn)
	if err != nil {
		return s, err
	}
	s.Step, s.Newest, s.StepName, s.Pending = steps.At, steps.Newest, steps.Name, steps.Pending
	err = pgx.BeginTxFunc(ctx, conn, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		for _, read := range []struct {
			table string // that must be there
			into  func(context.Context, pgx.Tx) error
		}{
			{"pg_database", s.readServer}, {"counter", s.readRevisions}, {"sealing_keys", s.readKeys}, {"audit_chain", s.readAudit}, {"slots", s.readMembers},
		} {
			var there bool
			if err := tx.QueryRow(ctx, `SELECT to_regclass($1) IS NOT NULL`, read.table).Scan(&there); err != nil {
				return err
			}
			if !there {
				continue
			}
			if err := read.into(ctx, tx); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return s, fmt.Errorf("read the status: %w", err)
	}
	return s, nil
}

func (s *Status) readServer(ctx context.Context, tx pgx.Tx) error {
	if err := tx.QueryRow(ctx, `SELECT current_setting('server_version'), current_database()`).Scan(&s.PostgreSQL, &s.Database); err != nil {
		return err
	}
	rows, err := tx.Query(ctx, `
		SELECT c.relname, count(i.inhrelid), pg_total_relation_size(c.oid) + coalesce(sum(pg_total_relation_size(i.inhrelid)), 0)::bigint
		FROM pg_class c LEFT JOIN pg_inherits i ON i.inhparent = c.oid
		WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relname = ANY($1)
		GROUP BY c.oid, c.relname ORDER BY 3 DESC, 1`, ourTables())
	if err != nil {
		return err
	}
	s.Tables, err = pgx.CollectRows(rows, pgx.RowToStructByPos[TableStatus])
	for _, table := range s.Tables {
		s.Bytes += table.Bytes
	}
	return err
}

// ourTables are those that the migrations make.
func ourTables() []string {
	var all []string
	for _, list := range [][]string{tablesBackedUp, tablesOfLogs, tablesLeftOut} {
		all = append(all, list...)
	}
	return all
}

func (s *Status) readRevisions(ctx context.Context, tx pgx.Tx) error {
	return tx.QueryRow(ctx, `SELECT v, floor, (SELECT count(*) FROM objects) FROM counter, history`).Scan(&s.Revision, &s.Floor, &s.Objects)
}

func (s *Status) readKeys(ctx context.Context, tx pgx.Tx) error {
	rows, err := keyRows(ctx, tx)
	for _, row := range rows {
		s.Keys = append(s.Keys, SealingKey{row.ID.String(), row.Current, row.At})
	}
	return err
}

func (s *Status) readAudit(ctx context.Context, tx pgx.Tx) error {
	var head, anchor []byte
	err := tx.QueryRow(ctx, `SELECT last, head, anchor, anchor_head FROM audit_chain`).Scan(&s.Audit.Last, &head, &s.Audit.Anchor, &anchor)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil
	}
	s.Audit.Head, s.Audit.AnchorAt = hex.EncodeToString(head), hex.EncodeToString(anchor)
	return err
}

func (s *Status) readMembers(ctx context.Context, tx pgx.Tx) error {
	rows, err := tx.Query(ctx, `SELECT id, name, since, (SELECT count(*) FROM slots WHERE owner = id) FROM members ORDER BY since, id`)
	if err != nil {
		return err
	}
	s.Members, err = pgx.CollectRows(rows, pgx.RowToStructByPos[Member])
	return err
}
