package otelspapi

import (
	"context"
	"errors"
	"fmt"

	"go.opentelemetry.io/otel/metric"

	"github.com/openspapi/spapi"
)

// WatchLimits makes gauges of how rate limits stand, in regions such as "na", with "-sandbox" for the sandbox. states is asked in each collection for
// each region: it is the LimitStates of an [spapi.App], or calls that of an [spapi.LimitInspector]. Of the buckets of all sellers the gauges tell, for each
// operation, region and scope, how full the emptiest is and how many calls wait. Unregister of what it returns ends it.
//
// Where processes share limits, each of them that watches tells of all: aggregate by max, not by sum.
func WatchLimits(states func(ctx context.Context, region string) ([]spapi.LimitState, error), regions []string, options ...Option) (
	metric.Registration, error) {
	if states == nil || len(regions) == 0 {
		return nil, errors.New("otelspapi: WatchLimits: want a function that tells how limits stand, and at least one region, such as na")
	}
	c := newConfig(options)
	m := c.meter()
	fill, err := m.Float64ObservableGauge("spapi.client.limit.fill", metric.WithUnit("1"),
		metric.WithDescription("Part of the burst that is left, of the emptiest bucket."))
	if err != nil {
		return nil, err
	}
	waiting, err := m.Int64ObservableGauge("spapi.client.limit.waiting", metric.WithUnit("{call}"), metric.WithDescription("Calls that wait for the rate limit."))
	if err != nil {
		return nil, err
	}
	return m.RegisterCallback(func(ctx context.Context, o metric.Observer) error {
		var failed error
		for _, region := range regions {
			all, err := states(ctx, region)
			if err != nil {
				failed = errors.Join(failed, fmt.Errorf("otelspapi: limits in %s: %w", region, err))
				continue
			}
			for key, s := range summarize(all) {
				set := metric.WithAttributes(operationKey.String(key.operation), regionKey.String(region), limitKey.String(key.scope.String()))
				o.ObserveFloat64(fill, s.fill, set)
				o.ObserveInt64(waiting, s.waiting, set)
			}
		}
		return failed
	}, fill, waiting)
}

type bucketKind struct {
	operation string
	scope     spapi.LimitScope
}

type standing struct {
	fill    float64
	waiting int64
}

func summarize(states []spapi.LimitState) map[bucketKind]standing {
	sums := map[bucketKind]standing{}
	for i := range states {
		b := &states[i].Bucket
		key := bucketKind{operationNamed(b.Operation).id, b.Scope}
		s, seen := sums[key]
		if fill := min(states[i].Left/float64(max(b.Burst, 1)), 1); !seen || fill < s.fill {
			s.fill = fill
		}
		for _, q := range states[i].Queue {
			s.waiting += int64(q.Calls)
		}
		sums[key] = s
	}
	return sums
}
