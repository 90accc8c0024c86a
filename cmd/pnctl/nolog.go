package main

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/powernode/powernode/api"
)

// explainSilence tells why an instance has nothing to say yet; nothing when its container is there.
func (c *containerFollower) explainSilence(ctx context.Context) error {
	o, err := c.client.get(ctx, containerInstances, c.name)
	if err != nil {
		return err
	}
	now, err := decodeContainer(o)
	if err == nil {
		c.noContainerYet(now)
	}
	return err
}

func (c *containerFollower) noContainerYet(now container) {
	if now.over || now.ContainerID != "" {
		return
	}
	why := "its controller has not seen it"
	if ready := meta.FindStatusCondition(now.Conditions, api.Ready); ready != nil {
		why = ready.Message
	}
	fmt.Fprintf(c.notices, "pnctl: %s has no container yet: %s\n", c.name, why)
}
