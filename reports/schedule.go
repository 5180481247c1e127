package reports

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/api/reports20210630"
	"github.com/openspapi/spapi/internal/runner"
	"github.com/openspapi/spapi/job"
)

// Schedule is a report that Amazon makes again and again. What it has made is found with [List], by its ReportScheduleID.
type Schedule = reports20210630.ReportSchedule

// SchedulePeriods are how often a schedule can make a report, as ISO 8601 durations.
func SchedulePeriods() []string {
	return []string{"PT5M", "PT15M", "PT30M", "PT1H", "PT2H", "PT4H", "PT8H", "PT12H", "P1D", "P2D", "P3D", "PT84H", "P7D", "P14D", "P15D", "P18D", "P30D", "P1M"}
}

// CreateSchedule puts a type on a schedule and returns its id. Start, End and Reuse of the request don't count. A schedule of the same type and
// marketplaces is replaced. Next is when the first report is made; zero: after one period.
func CreateSchedule(ctx context.Context, client *spapi.Client, r Request, period string, next time.Time, opts ...job.Option) (scheduleID string, err error) {
	r.Start, r.End = time.Time{}, time.Time{}
	r, t, err := r.resolve(time.Now())
	if err != nil {
		return "", err
	}
	removal := t.removal(time.Now())
	switch {
	case removal != "":
		return "", &job.RequestError{Kind: job.Report, Type: r.Type, Field: "Type", Reason: removal}
	case t.known && !t.Schedule && !t.unpublished():
		return "", &job.RequestError{Kind: job.Report, Type: r.Type, Field: "Type", Reason: "can't be put on a schedule"}
	case !slices.Contains(SchedulePeriods(), period):
		return "", &job.RequestError{Kind: job.Report, Type: r.Type, Field: "period", Value: period, Reason: "is not one of " + strings.Join(SchedulePeriods(), ", ")}
	}
	out, err := reports20210630.New(client).CreateReportSchedule(ctx, &reports20210630.CreateReportScheduleInput{
		ReportType: r.Type, MarketplaceIDs: r.Marketplaces, ReportOptions: r.Options,
		Period: reports20210630.CreateReportScheduleSpecificationPeriod(period), NextReportCreationTime: next,
	}, configure(client, opts).Calls...)
	if err != nil {
		return "", fmt.Errorf("reports: schedule %s: %w", r.Type, err)
	}
	if out.ReportScheduleID == "" {
		return "", fmt.Errorf("reports: schedule %s: %w", r.Type, runner.ErrNoID)
	}
	return out.ReportScheduleID, nil
}

// Schedules lists the schedules of these types; of all types that can be scheduled if none is given, which takes several calls.
func Schedules(ctx context.Context, client *spapi.Client, names []string, opts ...job.Option) ([]Schedule, error) {
	if len(names) == 0 {
		for _, t := range types() {
			if t.Schedule {
				names = append(names, t.Name)
			}
		}
	}
	var all []Schedule
	for part := range slices.Chunk(names, 10) { // getReportSchedules takes no more
		out, err := reports20210630.New(client).GetReportSchedules(ctx, &reports20210630.GetReportSchedulesInput{ReportTypes: part}, configure(client, opts).Calls...)
		if err != nil {
			return nil, fmt.Errorf("reports: schedules: %w", err)
		}
		all = append(all, out.ReportSchedules...)
	}
	return all, nil
}

// CancelSchedule ends a schedule. What it has made stays.
func CancelSchedule(ctx context.Context, client *spapi.Client, scheduleID string, opts ...job.Option) error {
	err := reports20210630.New(client).CancelReportSchedule(ctx, &reports20210630.CancelReportScheduleInput{ReportScheduleID: scheduleID}, configure(client, opts).Calls...)
	if err != nil {
		return fmt.Errorf("reports: cancel schedule %s: %w", scheduleID, err)
	}
	return nil
}
