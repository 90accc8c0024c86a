package docker

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/docker/docker/api/types/events"
	"github.com/docker/docker/api/types/filters"

	v1 "github.com/powernode/powernode/api/v1"
)

// telling lists the actions that change what a controller may have to do.
// Health checks run as exec, many times a minute, so those stay out.
var telling = []string{"start", "die", "oom", "pause", "unpause", "stop", "destroy", "health_status"}

// Events implements Engine.
func (c *Client) Events(ctx context.Context, since time.Time, connected func(), event func(Event)) error {
	stream, cancel := context.WithCancel(ctx)
	defer cancel()
	args := filters.NewArgs(filters.Arg("type", string(events.ContainerEventType)), filters.Arg("label", v1.LabelUID))
	for _, action := range telling {
		args.Add("event", action)
	}
	opts := events.ListOptions{Filters: args}
	if !since.IsZero() {
		opts.Since = fmt.Sprintf("%d.%09d", since.Unix(), since.Nanosecond())
	}
	sdk, err := c.sdk(stream)
	if err != nil {
		return wrap(ctx, err, "follow the events of %s", c.endpoint)
	}
	messages, errs := sdk.Events(stream, opts)
	select {
	case err := <-errs:
		return wrap(ctx, err, "follow the events of %s", c.endpoint)
	default:
		connected()
	}
	for {
		select {
		case err := <-errs:
			return wrap(ctx, err, "follow the events of %s", c.endpoint)
		case m := <-messages:
			action, _, _ := strings.Cut(string(m.Action), ":")
			if slices.Contains(telling, action) {
				event(Event{Action: action, ID: m.Actor.ID, Labels: m.Actor.Attributes, At: time.Unix(0, m.TimeNano)})
			}
		}
	}
}
