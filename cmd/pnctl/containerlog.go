package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"

	v1 "github.com/powernode/powernode/api/v1"
)

func (o *logsOptions) ofContainer(ctx context.Context, name string) error {
	if o.step != "" {
		return errors.New("--step: only the runs of a pipeline (pr/NAME) have steps")
	}
	q := logQuery{Follow: o.follow, Tail: o.tail, Timestamps: o.timestamps}
	if o.attempt > 0 {
		q.Execution = strconv.Itoa(o.attempt)
	}
	_ = v1.InstanceCompleted
	stream, err := o.client.log(ctx, containerInstances, name, q)
	if err != nil {
		return err
	}
	defer stream.Close()
	_, err = io.Copy(o.session.Out, stream)
	if err != nil {
		return fmt.Errorf("the log of %s broke off: %w", name, err)
	}
	return nil
}
