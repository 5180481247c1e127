package quickstart

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/api/catalogitems20220401"
	"github.com/openspapi/spapi/api/orders20260101"
	"github.com/openspapi/spapi/awsauth"
	"github.com/openspapi/spapi/emulator"
	"github.com/openspapi/spapi/internal/cli/exit"
	"github.com/openspapi/spapi/marketplace"
)

// walk is what the steps share and hand on.
type walk struct {
	emu      *emulator.Emulator
	urls     emulator.URLs
	version  string
	base     *http.Transport
	recorder *recorder

	marketplace marketplace.Marketplace
	client      *spapi.Client
	token       spapi.Token
	signer      *awsauth.Signer
	asins       []string // that the signed search found
}

func newWalk(emu *emulator.Emulator, base, version string) *walk {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.Proxy = nil // the emulator is on this machine
	return &walk{emu: emu, urls: emu.URLs(base), version: version, base: transport, recorder: &recorder{next: transport}}
}

func (w *walk) close() { w.base.CloseIdleConnections() }

// app makes the application as a program would, with the emulator's addresses in place of Amazon's.
func (w *walk) app(more ...spapi.Option) *spapi.App {
	c := w.emu.Credentials()
	options := []spapi.Option{
		spapi.WithEndpoint(w.urls.API),
		spapi.WithTokenURL(w.urls.LWA),
		spapi.WithTransport(w.recorder),
		spapi.WithUserAgent("spapi-quickstart/" + w.version),
	}
	return spapi.NewApp(spapi.Credentials{ClientID: c.ClientID, ClientSecret: spapi.NewSecret(c.ClientSecret)}, append(options, more...)...)
}

func (w *walk) authorization() spapi.Authorization {
	return spapi.Authorization{RefreshToken: spapi.NewSecret(w.emu.Credentials().RefreshToken), Region: w.marketplace.Region}
}

type step struct {
	name  string // in JSON
	title string
	walk  func(*walk, context.Context, *Step) error
}

var steps = []step{
	{"marketplace", "A marketplace tells region and endpoint", (*walk).findMarketplace},
	{"access-token", "A refresh token becomes an access token", (*walk).fetchToken},
	{"assume-role", "An AWS role is assumed (needed until 2023)", (*walk).assumeRole},
	{"signed-search", "A signed catalog search, as it was done until 2023", (*walk).searchSigned},
	{"catalog-search", "The same search, as it is done today", (*walk).search},
	{"orders", "Orders over several pages, under a rate limit", (*walk).pageOrders},
}

func (w *walk) findMarketplace(_ context.Context, s *Step) error {
	m, err := marketplace.Lookup("US")
	if err != nil {
		return err
	}
	const id, endpoint, awsRegion = "ATVPDKIKX0DER", "https://sellingpartnerapi-na.amazon.com", "us-east-1"
	if m.ID != id || m.Region.Endpoint() != endpoint || m.Region.AWSRegion() != awsRegion {
		return fmt.Errorf("marketplace US is %s in %s at %s, want %s in %s at %s",
			m.ID, m.Region.AWSRegion(), m.Region.Endpoint(), id, awsRegion, endpoint)
	}
	w.marketplace = m
	s.found("US is marketplace %s in region %s (AWS %s)", m.ID, m.Region, m.Region.AWSRegion())
	s.found("its endpoint is %s; the emulator stands in for it", m.Region.Endpoint())
	return nil
}

func (w *walk) fetchToken(ctx context.Context, s *Step) error {
	w.client = w.app().Client(w.authorization())
	token, err := w.client.AccessToken(ctx)
	if err != nil {
		return err
	}
	left := time.Until(token.Expires)
	if !strings.HasPrefix(token.Value.Reveal(), "Atza|") || left <= 0 {
		return fmt.Errorf("the access token has another form than Atza|… or has expired: it ends in %s", left)
	}
	w.token = token
	s.found("access token Atza|… (%d characters), good for %d minutes; spapi renews it by itself", len(token.Value.Reveal()),
		int(left.Round(time.Minute).Minutes()))
	return nil
}

func (w *walk) assumeRole(ctx context.Context, s *Step) error {
	c := w.emu.Credentials()
	signer, err := awsauth.New(awsauth.Config{
		RoleARN:         c.RoleARN,
		BaseCredentials: credentials.NewStaticCredentialsProvider(c.AWSAccessKeyID, c.AWSSecretAccessKey, ""),
		STSEndpoint:     w.urls.STS,
		STSRegion:       w.marketplace.Region.AWSRegion(),
		HTTPClient:      &http.Client{Transport: w.recorder},
	})
	if err != nil {
		return err
	}
	session, err := signer.Retrieve(ctx)
	if err != nil {
		return err
	}
	left := time.Until(session.Expires)
	if !strings.HasPrefix(session.AccessKeyID, "ASIA") || session.SessionToken == "" || !session.CanExpire || left <= 0 {
		return errors.New("the role's session is no temporary one: want a key ASIA…, a session token and an expiry in the future")
	}
	w.signer = signer
	s.found("temporary key ASIA… with a session token for %s, session %s", c.RoleARN, awsauth.DefaultSessionName)
	return nil
}

// removedSearch is the operation that Amazon removed in 2022, and that the emulator serves to signed requests only.
const removedSearch = "catalogitemsv0.listCatalogItems"

func (w *walk) searchSigned(ctx context.Context, s *Step) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "/catalog/v0/items?MarketplaceId="+w.marketplace.ID+"&Query=pen", nil)
	if err != nil {
		return err
	}
	client := w.app(spapi.WithSigner(w.signer)).Client(w.authorization())
	resp, err := client.Do(req, spapi.WithAccessToken(w.token.Value.Reveal()))
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return err
	}
	if served := resp.Header.Get("X-Spapi-Emulator-Operation"); resp.StatusCode != http.StatusOK || served != removedSearch {
		return fmt.Errorf("%s answered with status %d, want 200 from %s: %s", served, resp.StatusCode, removedSearch, refusal(body))
	}
	var answer struct {
		Payload struct {
			Items []struct {
				Identifiers   struct{ MarketplaceASIN struct{ ASIN string } }
				AttributeSets []struct{ Title string }
			}
		} `json:"payload"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return fmt.Errorf("the answer can't be read: %w", err)
	}
	s.found("200 OK: %d items of the form of 2020; the emulator verified the signature", len(answer.Payload.Items))
	for _, item := range answer.Payload.Items {
		asin := item.Identifiers.MarketplaceASIN.ASIN
		if asin == "" || len(item.AttributeSets) != 1 {
			return errors.New("an item has no ASIN or not one set of attributes")
		}
		w.asins = append(w.asins, asin)
	}
	if len(w.asins) == 0 {
		return errors.New("no items came back, want at least one for Query=pen")
	}
	s.found("the first: %s, %q", w.asins[0], answer.Payload.Items[0].AttributeSets[0].Title)
	return nil
}

// refusal is the first error of a body, without what a signature error echoes of the request.
func refusal(body []byte) string {
	var envelope struct {
		Errors []struct{ Code, Message string } `json:"errors"`
	}
	if json.Unmarshal(body, &envelope) != nil || len(envelope.Errors) == 0 {
		return fmt.Sprintf("a body of %d bytes without an error list", len(body))
	}
	message, _, _ := strings.Cut(envelope.Errors[0].Message, "\n")
	return envelope.Errors[0].Code + ": " + message
}

func (w *walk) search(ctx context.Context, s *Step) error {
	size := int64(20)
	var resp spapi.Response
	page, err := catalogitems20220401.New(w.client).SearchCatalogItems(ctx, &catalogitems20220401.SearchCatalogItemsInput{
		MarketplaceIDs: []string{w.marketplace.ID},
		Keywords:       []string{"pen"},
		PageSize:       &size,
	}, spapi.WithResponse(&resp))
	if err != nil {
		return err
	}
	var found []string
	for i := range page.Items {
		found = append(found, page.Items[i].ASIN)
	}
	for _, asin := range w.asins {
		if !slices.Contains(found, asin) {
			return fmt.Errorf("the signed search found %s, this one did not: it found %s", asin, strings.Join(found, ", "))
		}
	}
	if len(resp.Warnings) > 0 {
		return fmt.Errorf("%d values of the answer don't fit the model, the first: %s", len(resp.Warnings), resp.Warnings[0])
	}
	s.found("%d OK: %d items as Go values, the signed search's %d among them; no AWS account, no signature", resp.StatusCode, len(found), len(w.asins))
	return nil
}

func (w *walk) pageOrders(ctx context.Context, s *Step) error {
	size := int64(pageSize)
	input := &orders20260101.SearchOrdersInput{
		CreatedAfter:      time.Now().AddDate(0, 0, -365).UTC().Truncate(time.Second),
		MarketplaceIDs:    []string{w.marketplace.ID},
		MaxResultsPerPage: &size,
	}
	seen := map[string]bool{}
	var resp spapi.Response
	var waited time.Duration
	pages, refused := 0, 0
	start := time.Now()
	for page, err := range orders20260101.New(w.client).SearchOrdersPages(ctx, input, spapi.WithResponse(&resp)) {
		if err != nil {
			return err
		}
		pages++
		for i := range page.Orders {
			id := page.Orders[i].OrderID
			if id == "" || seen[id] {
				return fmt.Errorf("page %d has order %q without an id or for a second time", pages, id)
			}
			seen[id] = true
		}
		took := time.Since(start)
		note := ""
		if resp.Attempts > 1 {
			refused += resp.Attempts - 1
			note = "; the limit bit (429 QuotaExceeded), spapi waited and asked again"
		} else if resp.Waited > time.Millisecond {
			note = "; spapi waited for its turn"
		}
		waited += resp.Waited
		s.found("page %d: %d orders in %d ms%s", pages, len(page.Orders), took.Milliseconds(), note)
		start = time.Now()
	}
	s.found("%d orders on %d pages; the emulator allows %g requests per second after a burst of %d", len(seen), pages, searchRate, searchBurst)
	switch throttled := w.recorder.statuses(http.StatusTooManyRequests); {
	case pages <= searchBurst:
		return fmt.Errorf("there were %d pages, want more than the %d of the burst", pages, searchBurst)
	case throttled == 0 || throttled != refused:
		return fmt.Errorf("the limit refused %d requests and %d were sent again, want the same number and at least one", throttled, refused)
	case waited == 0:
		return errors.New("no request waited for the limit")
	}
	return nil
}

// fix says what to do about an error of a step.
func fix(err error) string {
	if text := exit.Explain(err); text != "" {
		return text
	}
	return "the quickstart talks only to itself, so this is most likely a fault of spapi: please report it with the output of \"spapi quickstart -o json\", which holds no secrets"
}
