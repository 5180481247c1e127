package sellerwallet

import (
	"encoding/json"
	"math"
	"net/http"
	"slices"
	"time"

	"github.com/openspapi/spapi/emulator/internal/answer"
	"github.com/openspapi/spapi/emulator/internal/desk"
	"github.com/openspapi/spapi/emulator/internal/format"
	"github.com/openspapi/spapi/emulator/internal/world"
)

// The states of schedules.
const (
	enabled  = "ENABLED"
	disabled = "DISABLED"
	deleted  = "DELETED"
)

// latestYear is how far ahead schedules may be: no further than times can be written.
const latestYear = 9000

// mostFailures is how many failures a schedule remembers, the latest.
const mostFailures = 100

// schedule is a transfer that time carries out. Its transactions need no approval: the seller has approved the schedule.
type schedule struct {
	ID       string    `json:"id"`
	Account  string    `json:"account"`
	To       party     `json:"to"`
	Target   string    `json:"target"` // destinationAccountId: with the account, what there is one schedule of
	Made     time.Time `json:"made"`
	Plan     plan      `json:"plan"`
	Percent  float64   `json:"percent,omitempty"` // of what is available; 0: it is an amount
	Units    int       `json:"units,omitempty"`
	Disabled bool      `json:"disabled,omitempty"`
	Deleted  bool      `json:"deleted,omitempty"`
	Seen     time.Time `json:"seen"` // what was due until then has been carried out, or passed by
	Ran      bool      `json:"ran,omitempty"`
	Failures []failure `json:"failures,omitempty"`
}

// plan is when a schedule is due.
type plan struct {
	Start     time.Time `json:"start"`
	End       time.Time `json:"end,omitzero"`        // zero: never
	Frequency string    `json:"frequency,omitempty"` // "": once
}

type failure struct {
	At     time.Time `json:"at"`
	Reason string    `json:"reason"`
}

// due is when a plan is due for the n-th time, from 0; zero: never again.
func (p *plan) due(n int) time.Time {
	at := p.Start
	switch p.Frequency {
	case "":
		if n > 0 {
			return time.Time{}
		}
	case "DAILY":
		at = at.AddDate(0, 0, n)
	case "WEEKLY":
		at = at.AddDate(0, 0, 7*n)
	case "BIWEEKLY":
		at = at.AddDate(0, 0, 14*n)
	case "MONTHLY": // on the day of the start, or the last that a month has
		first := time.Date(at.Year(), at.Month()+time.Month(n), 1, at.Hour(), at.Minute(), at.Second(), at.Nanosecond(), at.Location())
		last := first.AddDate(0, 1, -1).Day()
		at = first.AddDate(0, 0, min(at.Day(), last)-1)
	}
	if !p.End.IsZero() && at.After(p.End) {
		return time.Time{}
	}
	return at
}

// after is the first time after t at which a plan is due; zero: never again.
func (p *plan) after(t time.Time) time.Time {
	n := 0
	if days := map[string]float64{"DAILY": 1, "WEEKLY": 7, "BIWEEKLY": 14, "MONTHLY": 31}[p.Frequency]; days > 0 && t.After(p.Start) {
		n = int(t.Sub(p.Start).Hours() / 24 / days) // no later than the one that is looked for
	}
	for {
		at := p.due(n)
		if at.IsZero() || at.After(t) {
			return at
		}
		n++
	}
}

// status is the state of a schedule: one that is never due again has expired.
func (s *schedule) status(now time.Time) string {
	switch {
	case s.Deleted:
		return deleted
	case s.Plan.after(now).IsZero():
		return expired
	case s.Disabled:
		return disabled
	}
	return enabled
}

// run carries out what has become due, in order. It wants w.mu held.
func (w *wallet) run(now time.Time) {
	for {
		var next *schedule
		var at time.Time
		for _, s := range w.schedules {
			if s.Deleted || s.Disabled {
				continue
			}
			if due := s.Plan.after(s.Seen); !due.IsZero() && !due.After(now) && (next == nil || due.Before(at)) {
				next, at = s, due
			}
		}
		if next == nil {
			return
		}
		next.Seen = at
		w.carryOut(next, at)
	}
}

// carryOut makes the transaction of a schedule.
func (w *wallet) carryOut(s *schedule, at time.Time) {
	fail := func(reason string) {
		s.Failures = append(s.Failures, failure{at, reason})
		s.Failures = s.Failures[max(len(s.Failures)-mostFailures, 0):]
	}
	if len(w.transactions) >= mostTransactions {
		fail("TRANSACTION_LIMIT_EXCEEDED") // assumed
		return
	}
	a := w.account(s.Account)
	available, units := w.balances(a, at).available, s.Units
	if s.Percent > 0 {
		units = int(math.Floor(float64(available) * s.Percent / 100))
	}
	if units <= 0 || units > available {
		fail("INSUFFICIENT_BALANCE") // the model's example
		return
	}
	t := &transaction{
		Account: s.Account, To: s.To, Quote: w.quote(units, a.currency, s.To.Currency, at), Requested: at, Schedule: s.ID, Description: "Scheduled transfer",
	}
	t.identify(w.seller.Desk.Seed.Of("wallet schedule", s.ID, at.Unix()))
	w.approve(t, available, at)
	w.transactions = append(w.transactions, t)
}

func (s *schedule) object(w *wallet, now time.Time) object {
	expression := object{"scheduleExpressionType": "ONE_TIME"}
	if s.Plan.Frequency != "" {
		expression = object{"scheduleExpressionType": "RECURRING", "recurringFrequency": s.Plan.Frequency}
	}
	information := object{"scheduleStartDate": format.Timestamp(s.Plan.Start), "scheduleExpression": expression, "scheduleType": "TIME_BASED"}
	if !s.Plan.End.IsZero() {
		information["scheduleEndDate"] = format.Timestamp(s.Plan.End)
	}
	preference := object{"paymentPreferencePaymentType": "PERCENTAGE", "value": format.Double(s.Percent)}
	if s.Percent == 0 {
		preference = object{"paymentPreferencePaymentType": "AMOUNT", "value": world.Money{Units: s.Units, Currency: w.account(s.Account).currency}.Number()}
	}
	failures := []object{}
	for _, f := range s.Failures {
		failures = append(failures, object{"transferScheduleFailureDate": desk.Millis(f.At), "transferScheduleFailureReason": f.Reason})
	}
	return object{
		"transferScheduleId": s.ID, "transactionType": "DEBIT",
		"transactionSourceAccount": w.own(w.account(s.Account)), "transactionDestinationAccount": s.To.object(),
		"transferScheduleStatus": s.status(now), "transferScheduleInformation": information, "paymentPreference": preference, "transferScheduleFailures": failures,
	}
}

// noSchedule is how the API says that there is no such schedule (selling-partner-api-models, sellerWallet_2024-03-01, static cases).
func noSchedule(id string) *answer.Error {
	return absent("Transfer Schedule not found.", "Transfer schedule id doesn't exists for "+id)
}

// schedule finds a schedule of one of the marketplace's accounts; nil when there is none. It wants w.mu held.
func (w *wallet) schedule(id, currency string) *schedule {
	i := slices.IndexFunc(w.schedules, func(s *schedule) bool { return s.ID == id && w.account(s.Account).currency == currency })
	if i < 0 {
		return nil
	}
	return w.schedules[i]
}

func listTransferSchedules(c *desk.Call) (answer.Reply, *answer.Error) {
	pg, problem := c.Page("nextPageToken")
	if problem != nil {
		return answer.Reply{}, refusedToken(problem)
	}
	w, a, err := holding(c, c.Query.Get("accountId"))
	if err != nil {
		return answer.Reply{}, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	var mine []*schedule
	for _, s := range w.schedules {
		if s.Account == a.id && !s.Made.After(pg.AsOf) {
			mine = append(mine, s)
		}
	}
	return page(c, pg, "transferSchedules", mine, func(s *schedule) object { return s.object(w, c.Now) }), nil
}

func getTransferSchedule(c *desk.Call) (answer.Reply, *answer.Error) {
	w, m, err := enter(c)
	if err != nil {
		return answer.Reply{}, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.schedule(c.Path["transferScheduleId"], m.Currency)
	if s == nil {
		return answer.Reply{}, noSchedule(c.Path["transferScheduleId"])
	}
	return answer.OK(s.object(w, c.Now)), nil
}

// readPlan reads when a schedule is to be due. What is wrong with it is named as getTransferPreview names its parameters.
func readPlan(body map[string]any, now time.Time) (plan, *answer.Error) {
	const in = "transferScheduleInformation."
	information, _ := body["transferScheduleInformation"].(map[string]any)
	expression, _ := information["scheduleExpression"].(map[string]any)
	var p plan
	var ok bool
	if expression == nil {
		return p, missing(in+"scheduleExpression", "required")
	}
	if p.Start, ok = format.ParseTime(format.Member(information, "scheduleStartDate")); !ok {
		return p, missing(in+"scheduleStartDate", "required")
	}
	p.Start = p.Start.UTC()
	if end, given := format.ParseTime(format.Member(information, "scheduleEndDate")); given {
		p.End = end.UTC()
	}
	p.Frequency = format.Member(expression, "recurringFrequency")
	switch recurring := format.Member(expression, "scheduleExpressionType") == "RECURRING"; {
	case recurring && p.Frequency == "": // the model's note on recurringFrequency, as the next
		return p, missing(in+"scheduleExpression.recurringFrequency", "required of RECURRING")
	case !recurring && p.Frequency != "":
		return p, wrong(in+"scheduleExpression.recurringFrequency", "is for RECURRING only")
	case p.Start.Year() < 1 || p.Start.Year() > latestYear || p.End.Year() > latestYear:
		return p, wrong(in+"scheduleStartDate", "is out of range")
	case !p.End.IsZero() && p.End.Before(p.Start):
		return p, wrong(in+"scheduleEndDate", "is before scheduleStartDate")
	case p.after(now).IsZero():
		return p, wrong(in+"scheduleEndDate", "leaves no time at which the transfer would be due")
	}
	return p, nil
}

// readPreference reads how much is to be transferred.
func readPreference(body map[string]any, currency string) (percent float64, units int, _ *answer.Error) {
	preference, _ := body["paymentPreference"].(map[string]any)
	number, _ := preference["value"].(json.Number)
	if preference["paymentPreferencePaymentType"] == "PERCENTAGE" {
		f, err := number.Float64()
		if err != nil || f <= 0 || f > 100 {
			return 0, 0, wrong("paymentPreference.value", "want more than 0, and 100 at most")
		}
		return f, 0, nil
	}
	units, ok := parseAmount(number, currency)
	if !ok {
		return 0, 0, wrong("paymentPreference.value", "want more than 0, in whole units of the currency")
	}
	return 0, units, nil
}

func createTransferSchedule(c *desk.Call) (answer.Reply, *answer.Error) {
	body, _ := c.Body.(map[string]any)
	source, _ := body["sourceAccountId"].(string)
	w, a, err := holding(c, source)
	switch {
	case a == nil && err != nil && err.Status == http.StatusNotFound: // in words of its own (the same static cases)
		return answer.Reply{}, absent("Account not found.", "Account doesn't exists for "+source)
	case err != nil:
		return answer.Reply{}, err
	case body["sourceCurrencyCode"] != a.currency:
		return answer.Reply{}, wrong("sourceCurrencyCode", "is not the account's, "+a.currency)
	case body["transactionType"] != "DEBIT":
		return answer.Reply{}, wrong("transactionType", "want DEBIT: the money leaves the account")
	}
	s := &schedule{Account: a.id, Made: c.Now.UTC().Truncate(time.Millisecond)}
	s.Target, _ = body["destinationAccountId"].(string)
	if s.To, _, err = w.destination(body, a); err != nil {
		return answer.Reply{}, err
	}
	if s.Plan, err = readPlan(body, c.Now); err != nil {
		return answer.Reply{}, err
	}
	if s.Percent, s.Units, err = readPreference(body, a.currency); err != nil {
		return answer.Reply{}, err
	}
	if status, given := body["transferScheduleStatus"].(string); given {
		if err := s.turn(status); err != nil {
			return answer.Reply{}, err
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if slices.ContainsFunc(w.schedules, func(o *schedule) bool {
		status := o.status(c.Now)
		return o.Account == s.Account && o.Target == s.Target && (status == enabled || status == disabled)
	}) { // the same static cases
		return answer.Reply{}, answer.Plain(http.StatusConflict, "RequestConflict", "Request Conflict").
			Detailed("Transfer schedule already exists for same source and destination account combination.")
	}
	if len(w.schedules) >= mostTransactions {
		return answer.Reply{}, wrong("sourceAccountId", "has as many schedules as the emulator keeps")
	}
	s.Seen = s.Made
	s.ID = "amzn1.transferschedule." + c.Desk.Seed.Next("wallet schedule").Text(base32, 28)
	w.schedules = append(w.schedules, s)
	return answer.OK(s.object(w, c.Now)), nil
}

const base32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"

// turn switches a schedule on or off; the other states are not for requests to set.
func (s *schedule) turn(status string) *answer.Error {
	if status != enabled && status != disabled {
		return wrong("transferScheduleStatus", "is "+status+", want "+enabled+" or "+disabled)
	}
	s.Disabled = status == disabled
	return nil
}

// updateTransferSchedule changes when a schedule is due, how much is transferred and whether it is: nothing else can be changed (the model).
func updateTransferSchedule(c *desk.Call) (answer.Reply, *answer.Error) {
	w, m, err := enter(c)
	if err != nil {
		return answer.Reply{}, err
	}
	body, _ := c.Body.(map[string]any)
	id, _ := body["transferScheduleId"].(string)
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.schedule(id, m.Currency)
	if s == nil || s.Deleted {
		return answer.Reply{}, noSchedule(id)
	}
	if s.status(c.Now) == expired {
		return answer.Reply{}, wrong("transferScheduleId", "has expired")
	}
	changed := *s
	status, _ := body["transferScheduleStatus"].(string)
	if err := changed.turn(status); err != nil {
		return answer.Reply{}, err
	}
	if changed.Plan, err = readPlan(body, c.Now); err != nil {
		return answer.Reply{}, err
	}
	if body["paymentPreference"] != nil {
		if changed.Percent, changed.Units, err = readPreference(body, m.Currency); err != nil {
			return answer.Reply{}, err
		}
	}
	changed.Seen = c.Now.UTC() // what was due while it was disabled is not made up for
	*s = changed
	return answer.OK(s.object(w, c.Now)), nil
}

// deleteTransferSchedule ends a schedule. It can still be seen, as DELETED.
func deleteTransferSchedule(c *desk.Call) (answer.Reply, *answer.Error) {
	w, m, err := enter(c)
	if err != nil {
		return answer.Reply{}, err
	}
	id := c.Path["transferScheduleId"]
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.schedule(id, m.Currency)
	if s == nil || s.Deleted {
		return answer.Reply{}, noSchedule(id)
	}
	s.Deleted = true
	return answer.OK(object{"code": "Successful", "message": "Deleted transfer schedule", "details": "Deleted transfer schedule for ID " + id}), nil
}
