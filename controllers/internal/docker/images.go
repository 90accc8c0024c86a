package docker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/docker/docker/api/types/image"
)

// Image implements Images.
func (c *Client) Image(ctx context.Context, ref string) (Image, error) {
	call, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	sdk, err := c.sdk(call)
	if err != nil {
		return Image{}, wrap(ctx, err, "look at image %s", ref)
	}
	seen, err := sdk.ImageInspect(call, ref)
	if err != nil {
		return Image{}, wrap(ctx, err, "look at image %s", ref)
	}
	out := Image{ID: seen.ID}
	if len(seen.RepoDigests) > 0 {
		out.Digest = seen.RepoDigests[0]
	}
	return out, nil
}

// Pull implements Images. The engine answers 200 before it has begun: how the
// pull ended is in the stream.
func (c *Client) Pull(ctx context.Context, ref string) error {
	call, cancel := context.WithTimeout(ctx, pullTimeout)
	defer cancel()
	err := c.pull(call, ref)
	if err != nil && call.Err() != nil && ctx.Err() == nil { // the engine is there; its registry is slow
		return fmt.Errorf("pull %s: not done after %v", ref, pullTimeout)
	}
	return wrap(ctx, err, "pull %s", ref)
}

func (c *Client) pull(ctx context.Context, ref string) error {
	sdk, err := c.sdk(ctx)
	if err != nil {
		return err
	}
	stream, err := sdk.ImagePull(ctx, ref, image.PullOptions{})
	if err != nil {
		return err
	}
	defer stream.Close()
	return outcome(stream)
}

// outcome reads a stream of progress messages to its end, or its error.
func outcome(stream io.Reader) error {
	for d := json.NewDecoder(stream); ; {
		var message struct{ Error string }
		err := d.Decode(&message)
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case message.Error != "":
			return errors.New(message.Error)
		}
	}
}
