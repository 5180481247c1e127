package doctor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/openspapi/spapi/fleet"
	"github.com/openspapi/spapi/fleet/goredis"
	"github.com/openspapi/spapi/internal/cli/factory"
	"github.com/openspapi/spapi/internal/cli/output"
	"github.com/openspapi/spapi/internal/settings"
)

// fleet looks at the server over which processes share limits and tokens, where one is set. What is wrong with the setting itself the configuration tells.
func (e *examination) fleet(ctx context.Context) {
	const check = "fleet"
	set, err := settings.ReadFleet(e.opts.Factory.Flags.Profile)
	if err != nil || !set.Has(settings.Fleet) || e.target.Source == factory.FromEmulator {
		return
	}
	server, err := goredis.Open(set.Text(settings.Fleet))
	if err != nil {
		return
	}
	defer server.Close()
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	health, err := fleet.Probe(ctx, server, e.target.Application.ClientID)
	var netErr net.Error
	switch {
	case err == nil:
	case errors.As(err, &netErr), errors.Is(err, context.DeadlineExceeded), errors.Is(err, net.ErrClosed):
		e.problem(check, "fleet-unreachable", "%s", settings.Scrub(fleet.Explain(err)))
		return
	default:
		e.problem(check, "fleet-refused", "%s", settings.Scrub(fleet.Explain(err)))
		return
	}
	version := ""
	if health.Version != "" {
		version = " " + health.Version
	}
	shared := "limits are shared, tokens are not (SPAPI_FLEET_KEY isn't set)"
	if keys := len(set.FleetKeys()); e.client == nil {
		shared = "nothing is shared before the configuration is right"
	} else if keys > 0 {
		shared = fmt.Sprintf("limits and tokens are shared, with %s", output.Plural(keys, "key"))
	}
	e.ok(check, "the server%s answers in %s; %s; %s at work", version, health.Distance.Round(10*time.Microsecond), shared,
		output.Plural(health.Processes, "process", "processes"))
}
