package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/powernode/powernode/store"
)

// storeScene writes and watches at the store, in this process: the same one, or one
// that hears of the writes from the database.
func storeScene(other bool) func(context.Context, *stage, string) (*scene, error) {
	return func(ctx context.Context, s *stage, object string) (*scene, error) {
		writing, err := s.store(ctx)
		if err != nil {
			return nil, err
		}
		watched := writing
		if other {
			if watched, err = s.store(ctx); err != nil {
				return nil, err
			}
		}
		obj, err := writing.Create(ctx, configMap(object, 0))
		if err != nil {
			return nil, err
		}
		return &scene{
			write: func(ctx context.Context, n int) (int64, error) {
				next := *obj
				next.Rest = configMap("", n+1).Rest
				if obj, err = writing.Update(ctx, &next); err != nil {
					return 0, err
				}
				return revisionOf(obj.ResourceVersion)
			},
			watch: func(ctx context.Context, after int64, saw func(int64)) (func() error, error) {
				return func() error { return followStore(ctx, watched, after, saw) }, nil
			},
		}, nil
	}
}

func followStore(ctx context.Context, s store.Store, after int64, saw func(int64)) error {
	for event, err := range s.Watch(ctx, kind, store.Revision(after), store.WatchOptions{}) {
		if err != nil {
			return err
		}
		saw(int64(event.Revision))
	}
	return ctx.Err()
}

// httpScene writes to one server, and watches the same or another one.
func httpScene(other bool) func(context.Context, *stage, string) (*scene, error) {
	return func(ctx context.Context, s *stage, object string) (*scene, error) {
		writing, err := s.server(ctx, "--roles", "api")
		if err != nil {
			return nil, err
		}
		watched := writing
		if other {
			if watched, err = s.server(ctx, "--roles", "api"); err != nil {
				return nil, err
			}
		}
		conn, err := writing.connect()
		if err != nil {
			return nil, err
		}
		s.onClose(conn.close)
		client := &httpClient{connection: conn, name: object}
		if err := client.create(ctx, client.name, 0); err != nil {
			return nil, err
		}
		return &scene{
			server: watched,
			write: func(ctx context.Context, n int) (int64, error) {
				if err := patch(ctx, client, n+1); err != nil {
					return 0, err
				}
				return revisionOf(client.version)
			},
			watch: func(ctx context.Context, after int64, saw func(int64)) (func() error, error) {
				return followHTTP(ctx, watched, after, saw)
			},
		}, nil
	}
}

// followHTTP opens a watch on a connection of its own.
func followHTTP(ctx context.Context, p *server, after int64, saw func(int64)) (run func() error, err error) {
	conn, err := p.connect()
	if err != nil {
		return nil, err
	}
	if err := conn.send(http.MethodGet, fmt.Sprintf("%s?watch=1&resourceVersion=%d", collection, after), "", nil); err != nil {
		return nil, err
	}
	answer, err := http.ReadResponse(conn.reader, nil)
	if err != nil || answer.StatusCode != http.StatusOK {
		conn.close()
		return nil, errors.Join(err, errors.New("the watch was refused"))
	}
	hangUp := context.AfterFunc(ctx, conn.close)
	return func() error {
		defer conn.close()
		defer hangUp()
		for lines := bufio.NewReaderSize(answer.Body, 8<<10); ; {
			line, err := lines.ReadSlice('\n')
			if err != nil {
				return err
			}
			revision, err := revisionOf(stringField(line, "resourceVersion"))
			if err != nil {
				return fmt.Errorf("an event without a revision: %s", line)
			}
			saw(revision)
		}
	}, nil
}
