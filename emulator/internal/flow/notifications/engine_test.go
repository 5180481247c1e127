package notifications

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/openspapi/spapi/emulator/internal/answer"
	"github.com/openspapi/spapi/emulator/internal/desk"
	"github.com/openspapi/spapi/emulator/internal/world"
	"github.com/openspapi/spapi/marketplace"
)

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// stand is a desk with this flow and one whose news the test makes.
type stand struct {
	*desk.Desk
	t     *testing.T
	mu    sync.Mutex // as of a world: held while something is told, and wanted to tell what there is
	news  []desk.News
	asked atomic.Int64
	token string
}

func newStand(t *testing.T, change func(*desk.Options)) *stand {
	t.Helper()
	s := &stand{t: t}
	sources := map[string]desk.NewsSource{}
	for _, typ := range []string{"REPORT_PROCESSING_FINISHED", "ORDER_CHANGE", "ANY_OFFER_CHANGED", "SHIPMENT_TRACKING_MILESTONE_CHANGED"} {
		sources[typ] = desk.NewsSource{Since: func(_ *desk.Seller, after, until time.Time) (list []desk.News) {
			s.asked.Add(1)
			s.mu.Lock()
			defer s.mu.Unlock()
			for _, n := range s.news {
				if n.Type == typ && n.At.After(after) && !n.At.After(until) {
					list = append(list, n)
				}
			}
			return list
		}}
	}
	o := desk.Options{Time: realTime{}, Fixed: start, Seed: 1, Region: marketplace.NorthAmerica, Sizes: world.Sizes{Orders: 1, Products: 1, Days: 1}, NoLimits: true}
	if change != nil {
		change(&o)
	}
	var err error
	s.Desk, err = desk.New(o, []desk.Flow{Flow, {News: sources, Handlers: map[string]desk.Handler{
		"sellersv1.getMarketplaceParticipations": s.change,
	}}})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

type realTime struct{}

func (realTime) Now() time.Time { return time.Now() }

// change is a request that changes something at once, and lets something else happen a second later.
func (s *stand) change(c *desk.Call) (answer.Reply, *answer.Error) {
	id := c.Exchange.URL.Query().Get("id")
	runtime.Gosched() // let the clock, and other requests, go on
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.Seller.Wants("ORDER_CHANGE") {
		c.Seller.Tell(change("ORDER_CHANGE", c.Now, id))
	}
	s.news = append(s.news, change("REPORT_PROCESSING_FINISHED", c.Now.Add(time.Second), id))
	return answer.OK(object{}), nil
}

// change is news with an id.
func change(kind string, at time.Time, id string) desk.News {
	return desk.News{Type: kind, At: at, Payload: object{"id": id}}
}

// happens lets something happen d after the start.
func (s *stand) happens(kind string, d time.Duration, id string) {
	s.news = append(s.news, change(kind, start.Add(d), id))
}

// subscribe makes a subscription as createSubscription does.
func (s *stand) subscribe(sub Subscription) *Subscription {
	s.t.Helper()
	subs := SubscriptionStore.At(s.Desk)
	subs.mu.Lock()
	defer subs.mu.Unlock()
	if subs.tell(s.Desk, true); len(subs.List) == 0 {
		subs.told = s.Clock.Now()
	}
	if len(subs.Destinations) == 0 {
		subs.Destinations = append(subs.Destinations, &Destination{ID: "d", Name: "q", ARN: "arn:aws:sqs:us-east-1:123456789012:q"})
	}
	sub.ID, sub.Destination, sub.Created = fmt.Sprintf("s%d", len(subs.List)), "d", s.Clock.Now()
	if sub.Version == "" {
		sub.Version = kinds()[sub.Kind].PayloadVersion
	}
	subs.List = append(subs.List, &sub)
	subs.index()
	return &sub
}

// got delivers and returns all messages so far, each as its subscription, the minutes and seconds after the start when it happened, and its id or price.
func (s *stand) got() (list []string) {
	s.t.Helper()
	s.Deliver()
	for _, d := range s.Outbox.Deliveries() {
		var m struct {
			EventTime time.Time
			Payload   struct {
				ID                          string
				AnyOfferChangedNotification struct{ Price json.Number }
			}
			NotificationMetadata struct{ SubscriptionID string }
		}
		if err := json.Unmarshal(d.Body, &m); err != nil {
			s.t.Fatal(err)
		}
		list = append(list, fmt.Sprintf("%s %s %s%s", m.NotificationMetadata.SubscriptionID, m.EventTime.Sub(start), m.Payload.ID, m.Payload.AnyOfferChangedNotification.Price))
	}
	return list
}

func (s *stand) want(what string, want ...string) {
	s.t.Helper()
	if got := s.got(); !slices.Equal(got, want) {
		s.t.Errorf("%s:\n got %q\nwant %q", what, got, want)
	}
}

// request asks for something in the seller's name.
func (s *stand) request(id string) {
	r, err := http.NewRequest("GET", marketplace.NorthAmerica.Endpoint()+"/sellers/v1/marketplaceParticipations?id="+id, http.NoBody)
	if err != nil {
		s.t.Error(err)
		return
	}
	r.Header.Set("X-Amz-Access-Token", s.token)
	resp, err := s.RoundTrip(r)
	if err != nil {
		s.t.Error(err)
		return
	}
	if resp.Body.Close(); resp.StatusCode != http.StatusOK {
		s.t.Errorf("%s: %s", id, resp.Status)
	}
}

func (s *stand) login() {
	s.t.Helper()
	app := s.Auth.Application()
	form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {s.Seller(0).RefreshToken}, "client_id": {app.ClientID}, "client_secret": {app.Secret}}
	r, err := http.NewRequest("POST", "https://api.amazon.com/auth/o2/token", strings.NewReader(form.Encode()))
	if err != nil {
		s.t.Fatal(err)
	}
	resp, err := s.RoundTrip(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	var token struct {
		AccessToken string `json:"access_token"`
	}
	if err := json.Unmarshal(body, &token); err != nil || token.AccessToken == "" {
		s.t.Fatalf("%v: %s", err, body)
	}
	s.token = token.AccessToken
}

func TestNewsOnceInOrder(t *testing.T) {
	s := newStand(t, nil)
	s.happens("ORDER_CHANGE", -time.Minute, "before")
	s.happens("ORDER_CHANGE", 0, "at creation")
	s.happens("ORDER_CHANGE", 3*time.Minute, "c")
	s.happens("ORDER_CHANGE", time.Minute, "a")
	s.happens("REPORT_PROCESSING_FINISHED", 2*time.Minute, "b")
	s.happens("REPORT_PROCESSING_FINISHED", 2*time.Hour, "late")
	s.want("nobody is subscribed")
	s.Clock.Advance(0)
	s.subscribe(Subscription{Kind: "ORDER_CHANGE"})
	s.want("subscribed")
	s.subscribe(Subscription{Kind: "REPORT_PROCESSING_FINISHED"})
	s.Clock.Advance(time.Hour)
	want := []string{"s0 1m0s a", "s1 2m0s b", "s0 3m0s c"}
	s.want("an hour", want...)
	s.want("again", want...)
	if n := s.asked.Load(); n != 2 {
		t.Errorf("asked %d times, want once for each type", n)
	}
	// One who subscribes later gets what comes later.
	s.subscribe(Subscription{Kind: "ORDER_CHANGE", Directive: map[string]any{"filterExpression": "id != 'x'"}})
	s.Seller(0).Tell(change("ORDER_CHANGE", start.Add(50*time.Minute), "d"))
	s.Seller(0).Tell(change("ORDER_CHANGE", start.Add(time.Hour), "e"))
	s.Seller(0).Tell(change("FEED_PROCESSING_FINISHED", start.Add(time.Hour), "unwanted"))
	s.happens("ORDER_CHANGE", 70*time.Minute, "f")
	s.Clock.Advance(2 * time.Hour)
	s.want("later", append(want, "s0 50m0s d", "s0 1h0m0s e", "s2 1h0m0s e", "s0 1h10m0s f", "s2 1h10m0s f", "s1 2h0m0s late")...)
}

// TestNewsSetBack: what a clock that is set back brings again is told again, and what it passes over no more than once.
func TestNewsSetBack(t *testing.T) {
	s := newStand(t, nil)
	s.subscribe(Subscription{Kind: "ORDER_CHANGE"})
	s.happens("ORDER_CHANGE", time.Minute, "a")
	s.Clock.Advance(time.Hour)
	s.want("first", "s0 1m0s a")
	s.Clock.Set(start.Add(-24 * time.Hour))
	s.want("set back", "s0 1m0s a")
	s.happens("ORDER_CHANGE", -time.Hour, "new")
	s.Clock.Advance(23*time.Hour + 30*time.Minute)
	s.want("on the way", "s0 1m0s a", "s0 -1h0m0s new")
	s.Clock.Advance(time.Hour)
	s.want("there again", "s0 1m0s a", "s0 -1h0m0s new", "s0 1m0s a")
}

func TestNewsOfOthers(t *testing.T) {
	s := newStand(t, nil)
	s.subscribe(Subscription{Kind: "SHIPMENT_TRACKING_MILESTONE_CHANGED", Seller: application})
	s.subscribe(Subscription{Kind: "ORDER_CHANGE"})
	added, err := s.AddSeller(marketplace.Europe, nil, start)
	if err != nil {
		t.Fatal(err)
	}
	if !added.Wants("SHIPMENT_TRACKING_MILESTONE_CHANGED") || added.Wants("ORDER_CHANGE") {
		t.Error("the new seller's news: wanted are those of the application")
	}
	added.Tell(change("ORDER_CHANGE", start, "not subscribed"))
	s.Seller(0).Tell(change("ORDER_CHANGE", start, "first"))
	s.Deliver()
	if n := len(s.Outbox.Deliveries()); n != 1 {
		t.Fatalf("%d messages, want 1", n)
	}
	// Who has taken the authorization back isn't heard of.
	s.Auth.SetRevoked(s.Seller(0).Account)
	s.Seller(0).Tell(change("ORDER_CHANGE", start, "second"))
	s.happens("ORDER_CHANGE", time.Minute, "third")
	s.Clock.Advance(time.Hour)
	s.Deliver()
	if n := len(s.Outbox.Deliveries()); n != 1 {
		t.Errorf("%d messages, want 1", n)
	}
}

func TestNewsOverResetAndImport(t *testing.T) {
	s := newStand(t, nil)
	s.subscribe(Subscription{Kind: "ORDER_CHANGE"})
	s.subscribe(Subscription{Kind: "ANY_OFFER_CHANGED", Directive: aggregated("FiveMinutes")})
	s.happens("ORDER_CHANGE", time.Minute, "a")
	s.happens("ORDER_CHANGE", 3*time.Minute, "b")
	s.offers(1, 2)
	s.Clock.Advance(2 * time.Minute)
	s.Seller(0).Tell(change("ORDER_CHANGE", start.Add(90*time.Second), "told and not sent"))
	state, err := s.Export()
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(state)
	if err != nil {
		t.Fatal(err)
	}
	before := []string{"s1 1s 1", "s0 1m0s a", "s0 1m30s told and not sent"}
	s.want("exported", before...)
	s.Seller(0).Tell(change("ORDER_CHANGE", start, "lost by the reset"))
	s.Reset()
	s.Clock.Advance(time.Hour)
	s.want("reset")
	if s.Seller(0).Wants("ORDER_CHANGE") {
		t.Error("wanted after a reset")
	}
	other := newStand(t, nil)
	other.news = s.news
	var loaded desk.State
	if err := json.Unmarshal(text, &loaded); err != nil {
		t.Fatal(err)
	}
	if err := other.Restore(&loaded); err != nil {
		t.Fatal(err)
	}
	if !other.Seller(0).Wants("ORDER_CHANGE") {
		t.Error("not wanted after an import")
	}
	third := newStand(t, nil)
	third.news = s.news
	if err := third.Restore(&loaded); err != nil {
		t.Fatal(err)
	}
	third.Clock.Advance(time.Hour) // before anybody has looked
	third.want("an hour at once", append(before, "s0 3m0s b", "s1 2s 2")...)
	other.Seller(0).Tell(change("ORDER_CHANGE", start.Add(2*time.Minute), "at once"))
	other.want("imported", append(before, "s0 2m0s at once")...)
	other.Clock.Advance(time.Hour)
	other.want("an hour", append(before, "s0 2m0s at once", "s0 3m0s b", "s1 2s 2")...)
}

// TestNewsOfManyRequests: whatever goes on at the same time, each change is told once; what a request has changed is told before its answer comes.
func TestNewsOfManyRequests(t *testing.T) {
	s := newStand(t, nil)
	s.login()
	s.subscribe(Subscription{Kind: "ORDER_CHANGE"})
	s.subscribe(Subscription{Kind: "REPORT_PROCESSING_FINISHED"})
	const workers, each = 8, 40
	stop := make(chan struct{})
	var clock, all sync.WaitGroup
	clock.Go(func() {
		for range 1500 { // within the hour of an access token
			select {
			case <-stop:
				return
			default:
				s.Clock.Advance(2 * time.Second)
				s.Deliver()
				runtime.Gosched()
			}
		}
	})
	for w := range workers {
		all.Go(func() {
			for i := range each {
				id := fmt.Sprintf("%d-%d", w, i)
				s.request(id)
				if !slices.ContainsFunc(s.Outbox.Deliveries(), func(d desk.Delivery) bool { return strings.Contains(string(d.Body), `"`+id+`"`) }) {
					s.t.Errorf("%s is answered, and not in the queue", id)
				}
			}
		})
	}
	all.Wait()
	close(stop)
	clock.Wait()
	s.Clock.Advance(time.Hour)
	count := map[string]int{}
	for _, line := range s.got() {
		fields := strings.Fields(line)
		count[fields[0]+" "+fields[2]]++
	}
	for w := range workers {
		for i := range each {
			for _, sub := range []string{"s0", "s1"} {
				if n := count[fmt.Sprintf("%s %d-%d", sub, w, i)]; n != 1 {
					t.Errorf("%s: change %d-%d was told %d times", sub, w, i, n)
				}
			}
		}
	}
}

// ticking is a clock that goes on by a millisecond whenever it is looked at.
type ticking struct{ n atomic.Int64 }

func (c *ticking) Now() time.Time { return start.Add(time.Duration(c.n.Add(1)) * time.Millisecond) }

// later lets time pass.
func (s *stand) later(clock *ticking, d time.Duration) []string {
	clock.n.Add(d.Milliseconds())
	return s.got()
}

// TestNewsAreAskedForSeldom: on a clock that runs, requests that change nothing don't have flows asked each time.
func TestNewsAreAskedForSeldom(t *testing.T) {
	clock := &ticking{}
	s := newStand(t, func(o *desk.Options) { o.Fixed, o.Time, o.Speed = time.Time{}, clock, 1 })
	s.subscribe(Subscription{Kind: "ORDER_CHANGE"})
	began := clock.n.Load()
	for clock.n.Load() < began+10_000 {
		s.Deliver()
	}
	if n := s.asked.Load(); n < 8 || n > 11 {
		t.Errorf("asked %d times in 10 s, want about once a second", n)
	}
	asked := s.asked.Load()
	s.happens("ORDER_CHANGE", s.Clock.Now().Sub(start), "before it")
	s.Seller(0).Tell(change("ORDER_CHANGE", s.Clock.Now(), "at once"))
	got := s.got()
	if len(got) != 2 || !strings.HasSuffix(got[0], "before it") || !strings.HasSuffix(got[1], "at once") || s.asked.Load() != asked+1 {
		t.Errorf("%q, asked %d times: want what was told, and before it what happened before", got, s.asked.Load()-asked)
	}
	// Of a seller who told nothing nobody asks for that, and all comes once.
	other, err := s.AddSeller(marketplace.Europe, nil, s.Clock.Now())
	if err != nil {
		t.Fatal(err)
	}
	s.subscribe(Subscription{Kind: "ORDER_CHANGE", Seller: other.Number})
	asked2 := s.asked.Load()
	s.happens("ORDER_CHANGE", s.Clock.Now().Sub(start), "both")
	s.Seller(0).Tell(change("ORDER_CHANGE", s.Clock.Now(), "first"))
	after := s.got()
	if n := s.asked.Load() - asked2; n != 1 || len(after) != 4 || !strings.HasSuffix(after[2], "both") || !strings.HasSuffix(after[3], "first") {
		t.Errorf("asked %d times: %q", n, after)
	}
	state, err := s.Export()
	if err != nil {
		t.Fatal(err)
	}
	elsewhere := newStand(t, func(o *desk.Options) { o.Fixed, o.Time, o.Speed = time.Time{}, clock, 1 })
	elsewhere.news = s.news
	if err := elsewhere.Restore(state); err != nil {
		t.Fatal(err)
	}
	if after = s.later(clock, 2*time.Second); len(after) != 5 || !strings.HasPrefix(after[4], "s1 ") || !strings.HasSuffix(after[4], "both") {
		t.Errorf("%q", after)
	}
	if got := elsewhere.got(); !slices.Equal(got, after) {
		t.Errorf("elsewhere %q, want %q", got, after)
	}
}

// TestNewsCostNothing: where nobody is subscribed a request costs no memory for it.
func TestNewsCostNothing(t *testing.T) {
	s := newStand(t, nil)
	n := change("ORDER_CHANGE", start, "a")
	if allocs := testing.AllocsPerRun(100, func() {
		s.Deliver()
		if s.Seller(0).Wants("ORDER_CHANGE") {
			t.Error("wanted")
		}
		s.Seller(0).Tell(n)
	}); allocs != 0 {
		t.Errorf("%v allocations, want 0", allocs)
	}
}

func BenchmarkDeliverUnsubscribed(b *testing.B) {
	d, err := desk.New(desk.Options{Time: realTime{}, Fixed: start, Region: marketplace.NorthAmerica, Sizes: world.Sizes{Orders: 1, Products: 1, Days: 1}}, []desk.Flow{Flow})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		d.Deliver()
	}
}

// TestNewsOfLongSpans: a jump of the clock is gone through day by day, and payloads are made of what is sent only.
func TestNewsOfLongSpans(t *testing.T) {
	s := newStand(t, nil)
	s.subscribe(Subscription{Kind: "ORDER_CHANGE", Directive: map[string]any{"eventFilter": map[string]any{"orderChangeTypes": []any{}}}})
	made := 0
	for i := range 300 {
		n := change("ORDER_CHANGE", start.Add(time.Duration(i+1)*3*time.Hour), fmt.Sprint(i))
		payload := n.Payload
		n.Payload, n.Make = nil, func() object {
			made++
			return payload
		}
		s.news = append(s.news, n)
	}
	s.Seller(0).Tell(change("ORDER_CHANGE", start.Add(20*24*time.Hour+time.Minute), "told"))
	s.Clock.Advance(30 * 24 * time.Hour)
	got := s.got()
	if len(got) != 241 || got[160] != "s0 480h1m0s told" || got[240] != "s0 720h0m0s 239" {
		t.Errorf("%d messages: %q", len(got), got)
	}
	if n := s.asked.Load(); n != 30 || made != 240 {
		t.Errorf("asked %d times, %d payloads made; want 30 and 240", n, made)
	}
	s.subscribe(Subscription{Kind: "REPORT_PROCESSING_FINISHED"})
	s.Clock.Advance(500 * time.Millisecond)
	late := s.subscribe(Subscription{Kind: "REPORT_PROCESSING_FINISHED"})
	s.Seller(0).Tell(change("REPORT_PROCESSING_FINISHED", s.Clock.Now().Truncate(time.Second), "in whole seconds"))
	if got := s.got(); !strings.HasPrefix(got[len(got)-1], late.ID+" ") {
		t.Errorf("%q, want %s to have it, too", got[len(got)-1], late.ID)
	}
}
