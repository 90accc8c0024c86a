package postgres

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/powernode/powernode/api"
	"github.com/powernode/powernode/store"
)

var _ store.Logs = (*Logs)(nil)

// logPoll is how often a waiting reader looks for what another server appended.
const logPoll = 250 * time.Millisecond

// Logs is a store.Logs in the database: a row with the end of each stream, and
// its bytes in chunks as they came, in tables by day.
type Logs struct {
	pool  *pgxpool.Pool
	seed  maphash.Seed
	moved [64]store.Bell // by hash of the stream: wakes the readers on this server
}

func (l *Logs) bell(stream string) *store.Bell {
	return &l.moved[maphash.String(l.seed, stream)%uint64(len(l.moved))]
}

// appendSQL adds a chunk if the stream ends where it begins; %s makes or moves the end.
const appendSQL = `
WITH s AS (%s RETURNING size)
INSERT INTO log_chunks (day, stream, pos, data) SELECT current_date, $1, $2, $3::bytea FROM s RETURNING pos + length(data)`

const (
	beginStream = `INSERT INTO logs AS l (stream, size, closed) VALUES ($1, length($3::bytea), false)
		ON CONFLICT (stream) DO UPDATE SET size = l.size + length($3::bytea) WHERE l.size = $2 AND NOT l.closed`
	growStream = `UPDATE logs SET size = size + length($3::bytea) WHERE stream = $1 AND size = $2 AND NOT closed`
)

// Append implements store.Logs.
func (l *Logs) Append(ctx context.Context, stream string, offset int64, data []byte) (int64, error) {
	if len(data) == 0 {
		return l.refused(ctx, stream, offset, 0)
	}
	grow := growStream
	if offset == 0 {
		grow = beginStream
	}
	end, err := l.insert(ctx, grow, stream, offset, data)
	if dayMissing(err) {
		if err = l.openDay(ctx); err == nil {
			end, err = l.insert(ctx, grow, stream, offset, data)
		}
	}
	if errors.Is(err, pgx.ErrNoRows) {
		return l.refused(ctx, stream, offset, len(data))
	}
	if err != nil {
		return 0, fmt.Errorf("append to log %s: %w", stream, away(err))
	}
	l.bell(stream).Ring()
	return end, nil
}

func (l *Logs) insert(ctx context.Context, grow, stream string, offset int64, data []byte) (end int64, err error) {
	err = l.pool.QueryRow(ctx, fmt.Sprintf(appendSQL, grow), stream, offset, data).Scan(&end)
	return end, err
}

// refused says why n bytes were not added, with the end of the stream.
func (l *Logs) refused(ctx context.Context, stream string, offset int64, n int) (int64, error) {
	end, closed, err := l.end(ctx, stream)
	switch {
	case err != nil:
		return 0, err
	case end != offset:
		return end, fmt.Errorf("log %s ends at %d, not %d: %w", stream, end, offset, api.ErrConflict)
	case closed && n > 0:
		return end, fmt.Errorf("log %s is complete: %w", stream, api.ErrForbidden)
	}
	return end, nil
}

// end is how far a stream goes; one that was never written ends at 0.
func (l *Logs) end(ctx context.Context, stream string) (end int64, closed bool, err error) {
	err = l.pool.QueryRow(ctx, `SELECT size, closed FROM logs WHERE stream = $1`, stream).Scan(&end, &closed)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, fmt.Errorf("read the end of log %s: %w", stream, away(err))
	}
	return end, closed, nil
}

// Close implements store.Logs.
func (l *Logs) Close(ctx context.Context, stream string) error {
	_, err := l.pool.Exec(ctx, `
		INSERT INTO logs AS l (stream, size, closed) VALUES ($1, 0, true)
		ON CONFLICT (stream) DO UPDATE SET closed = true WHERE NOT l.closed`, stream)
	if err != nil {
		return fmt.Errorf("close log %s: %w", stream, away(err))
	}
	l.bell(stream).Ring()
	return nil
}

// Read implements store.Logs.
func (l *Logs) Read(ctx context.Context, stream string, offset int64, most int, wait time.Duration) ([]byte, bool, error) {
	until := time.Now().Add(wait)
	for {
		moved := l.bell(stream).Next()
		data, closed, err := l.read(ctx, stream, max(offset, 0), most)
		left := time.Until(until)
		if err != nil || len(data) > 0 || closed || left <= 0 {
			return data, closed, err
		}
		if err := pause(ctx, moved, min(left, logPoll)); err != nil {
			return nil, false, fmt.Errorf("read log %s: %w", stream, err)
		}
	}
}

func (l *Logs) read(ctx context.Context, stream string, offset int64, most int) ([]byte, bool, error) {
	end, closed, err := l.end(ctx, stream)
	if err != nil || offset >= end {
		return nil, closed && err == nil, err
	}
	rows, err := l.pool.Query(ctx, `
		SELECT pos, data FROM log_chunks
		WHERE stream = $1 AND pos < $3 AND pos >= (SELECT max(pos) FROM log_chunks WHERE stream = $1 AND pos <= $2)
		ORDER BY pos`, stream, offset, min(end, offset+int64(most)))
	if err != nil {
		return nil, false, fmt.Errorf("read log %s: %w", stream, err)
	}
	var data, chunk []byte
	var pos int64
	_, err = pgx.ForEachRow(rows, []any{&pos, &chunk}, func() error {
		data = append(data, chunk[min(max(0, offset-pos), int64(len(chunk))):]...)
		return nil
	})
	if err != nil {
		return nil, false, fmt.Errorf("read log %s: %w", stream, err)
	}
	data = data[:min(len(data), most)]
	return data, closed && offset+int64(len(data)) == end, nil
}

// Drop implements store.Logs.
func (l *Logs) Drop(ctx context.Context, prefix string) error {
	// No string with the prefix is greater than the prefix and the last character of all.
	const among = ` WHERE stream >= $1 AND stream < $1 || U&'\+10FFFF'`
	err := pgx.BeginFunc(ctx, l.pool, func(tx pgx.Tx) error {
		gone, err := tx.Exec(ctx, `DELETE FROM logs`+among, prefix)
		if err != nil || gone.RowsAffected() == 0 {
			return err
		}
		_, err = tx.Exec(ctx, `DELETE FROM log_chunks`+among, prefix)
		return err
	})
	if err != nil {
		return fmt.Errorf("drop logs %s: %w", prefix, err)
	}
	return nil
}

// dayMissing reports whether the partition of the day was missing.
func dayMissing(err error) bool {
	var refused *pgconn.PgError
	return errors.As(err, &refused) && missing(err)
}
