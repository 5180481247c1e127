package auth

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"io"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/openspapi/spapi"
	"github.com/openspapi/spapi/accounts"
	"github.com/openspapi/spapi/api/sellersv1"
	"github.com/openspapi/spapi/internal/cli/exit"
	"github.com/openspapi/spapi/internal/cli/factory"
	"github.com/openspapi/spapi/internal/cli/terminal"
	"github.com/openspapi/spapi/internal/cli/when"
	"github.com/openspapi/spapi/internal/settings"
	"github.com/openspapi/spapi/marketplace"
)

// LoginOptions are the flags of "spapi auth login" and what it works with.
type LoginOptions struct {
	Factory *factory.Factory

	Name           string
	Self           bool
	Vendor         bool
	Draft          bool
	Open           bool
	NoCheck        bool
	ClientID       string
	SecretFile     string
	SecretExpires  when.Time
	ApplicationID  string
	SellerID       string
	RedirectURI    string
	ConsentTimeout time.Duration

	set      settings.Set      // what flags, environment and a named profile say
	clients  *accounts.Clients // with which the authorization is tried
	replaced spapi.Secret      // the stored client secret in whose place another one comes
	lines    *bufio.Reader     // of stdin, where it is no terminal
}

// defaultRedirectURI leads to this machine. Amazon leads back to registered addresses only.
const defaultRedirectURI = "http://127.0.0.1:8484/callback"

// NewCmdLogin returns the command. runF replaces the work in tests.
func NewCmdLogin(f *factory.Factory, runF func(context.Context, *LoginOptions) error) *cobra.Command {
	opts := &LoginOptions{Factory: f}
	cmd := &cobra.Command{
		Use:   "login [name]",
		Short: "Get an authorization and store it",
		Long: "Gets a seller's or vendor's authorization and stores it under a name (default: default).\n\n" +
			"Without --self the seller gives it on Amazon's consent page: login shows the page's address, for the Seller Central of\n" +
			"--marketplace, or with --vendor its Vendor Central, and waits on this machine for the browser to come back. Amazon leads back only to\n" +
			"addresses that are registered with the application: register " + defaultRedirectURI + ",\n" +
			"or name a registered one with --redirect-uri. If that one does not lead to this machine, paste the address that\n" +
			"the browser shows in the end.\n\n" +
			"With --self you have authorized the application for your own account in Developer Central: login asks for the refresh\n" +
			"token that is shown there.\n\n" +
			"--endpoint and --token-url, or SPAPI_ENDPOINT and SPAPI_TOKEN_URL, name another server than Amazon, such as \"spapi emulator\": they are\n" +
			"stored with the account, so that its calls go there later too. Region, marketplace and sandbox come from flags or variables likewise.\n\n" +
			"The client id comes from --client-id, SPAPI_CLIENT_ID or LWA_CLIENT_IDENTIFIER, or the only stored application; the\n" +
			"client secret from --secret-file, SPAPI_CLIENT_SECRET or LWA_CLIENT_SECRET, or the stored application. What is missing is asked for,\n" +
			"secrets without an echo; where stdin is no terminal it is read from there, a line each: client id, client secret,\n" +
			"refresh token. No secret can be given as a flag, since the shell's history would keep it.",
		Example: "  spapi auth login shop-de --marketplace DE --application-id amzn1.sp.solution.1234\n" +
			"  spapi auth login shop --self --region na\n" +
			"  spapi auth login shop --self --marketplace JP --seller-id A1EXAMPLE --secret-expires 2027-05-31",
		Args: one,
		RunE: func(cmd *cobra.Command, args []string) error {
			opts.Name = "default"
			if len(args) > 0 {
				opts.Name = args[0]
			}
			if runF != nil {
				return runF(cmd.Context(), opts)
			}
			return login(cmd.Context(), opts)
		},
	}
	flags := cmd.Flags()
	flags.BoolVar(&opts.Self, "self", false, "store a refresh token from a self-authorization in Developer Central")
	flags.BoolVar(&opts.Vendor, "vendor", false, "authorize at Vendor Central")
	flags.BoolVar(&opts.Draft, "beta", false, "the application is still a draft")
	flags.BoolVar(&opts.Open, "open", false, "open the consent page in the browser (BROWSER, else the system's)")
	flags.BoolVar(&opts.NoCheck, "no-check", false, "store without trying the authorization")
	flags.StringVar(&opts.ClientID, "client-id", "", "LWA client `id` of the application")
	flags.StringVar(&opts.SecretFile, "secret-file", "", "`file` whose first line is the client secret")
	when.Flag(flags, &opts.SecretExpires, "secret-expires", "", "`time` at which the client secret ends, in UTC (spapi doctor reminds of it)", "")
	flags.StringVar(&opts.ApplicationID, "application-id", "", "`id` of the application, amzn1.sp.solution.…, which the consent page needs (also: SPAPI_APPLICATION_ID)")
	flags.StringVar(&opts.SellerID, "seller-id", "", "`id` of the seller or vendor, with --self (the consent page tells it otherwise)")
	flags.StringVar(&opts.RedirectURI, "redirect-uri", defaultRedirectURI, "registered `address` to which the consent page leads back")
	flags.DurationVar(&opts.ConsentTimeout, "consent-timeout", 10*time.Minute, "how long to wait for the consent")
	return cmd
}

func login(ctx context.Context, opts *LoginOptions) error {
	f := opts.Factory
	if f.Flags.Emulator {
		return exit.Usagef("--emulator has its account already; to see the consent page, start \"spapi emulator\" and name it with --endpoint and --token-url")
	}
	name, err := accounts.CleanName(opts.Name)
	if err != nil {
		return err
	}
	if opts.set, err = f.Settings(); err != nil {
		return err
	}
	m, _ := marketplace.Lookup(opts.set.Text(settings.Marketplace))
	switch {
	case opts.Self:
	case !m.Known():
		return exit.Usagef("the consent page needs the seller's marketplace: " +
			"pass --marketplace with one of those that \"spapi marketplaces --all\" lists, such as --marketplace DE")
	case opts.SellerID != "":
		return exit.Usagef("--seller-id is for --self: the consent page tells the id")
	}
	store, err := f.Store()
	if err != nil {
		return err
	}
	application, err := opts.application(ctx, store)
	if err != nil {
		return err
	}
	if opts.SecretExpires.Given() {
		application.SecretExpires = opts.SecretExpires.Begin(time.Now(), time.UTC)
	}
	if application, err = application.Clean(); err != nil {
		return err
	}
	account, err := opts.account(name, application.ClientID)
	if err != nil {
		return err
	}
	if opts.clients, err = f.Clients(); err != nil {
		return err
	}
	f.Tell(factory.Target{Target: accounts.Target{Account: account}})
	if opts.Self {
		var token string
		token, err = opts.ask(ctx, "Refresh token (Atzr|…): ")
		account.RefreshToken = spapi.NewSecret(token)
	} else {
		err = opts.consent(ctx, &application, &account)
	}
	if err != nil {
		return err
	}
	if !opts.NoCheck {
		if err := opts.check(ctx, application, &account); err != nil {
			return err
		}
	}
	if account, err = account.Clean(); err != nil {
		return err
	}
	if !opts.replaced.IsZero() {
		application.PreviousSecret, application.PreviousExpires = opts.replaced, time.Now().Add(accounts.SecretOverlap)
	}
	if err := store.PutApplication(ctx, application); err != nil {
		return exit.Late(err) // the seller has consented
	}
	if err := store.Put(ctx, account); err != nil {
		return exit.Late(err)
	}
	if _, err := store.Default(ctx); errors.Is(err, accounts.ErrNotFound) {
		if err := store.Use(ctx, name); err != nil {
			return err
		}
	}
	if account, err = store.Get(ctx, name); err != nil {
		return err
	}
	standard, err := defaultOf(ctx, store)
	if err != nil {
		return err
	}
	f.Notef("stored in %s", store)
	return f.Print(ctx, newRow(&account, standard), rowColumns...)
}

// account is the account so far: who it is for, and where its calls go.
func (o *LoginOptions) account(name, clientID string) (accounts.Account, error) {
	a := factory.AccountOf(name, o.set)
	a.ClientID, a.RefreshToken = clientID, spapi.Secret{}
	a.SellingPartnerID = cmp.Or(o.SellerID, a.SellingPartnerID) // the consent page tells another if it is another
	if !o.set.Has(settings.Region, settings.Marketplace) {
		return a, nil
	}
	var err error
	a.Region, err = settings.Place(a.Region, o.set.Text(settings.Marketplace))
	return a, err
}

// application settles id and secret of the application.
func (o *LoginOptions) application(ctx context.Context, store accounts.Store) (accounts.Application, error) {
	known, err := store.Applications(ctx)
	if err != nil {
		return accounts.Application{}, err
	}
	id := cmp.Or(o.ClientID, o.set.Text(settings.ClientID))
	if id == "" && len(known) == 1 {
		id = known[0].ClientID
	}
	if id == "" {
		if id, err = o.askOpen(ctx, "LWA client id (amzn1.application-oa2-client.…): "); err != nil {
			return accounts.Application{}, err
		}
	}
	application := accounts.Application{ClientID: id}
	for _, a := range known {
		if a.ClientID == id {
			application = a
		}
	}
	secret := o.set.Text(settings.ClientSecret)
	switch {
	case o.SecretFile != "":
		secret, err = firstLine(o.SecretFile)
	case secret == "" && application.ClientSecret.IsZero():
		secret, err = o.ask(ctx, "LWA client secret: ")
	}
	if err != nil {
		return accounts.Application{}, err
	}
	if secret != "" && spapi.NewSecret(secret) != application.ClientSecret {
		o.replaced = application.ClientSecret
		application.ClientSecret, application.SecretExpires = spapi.NewSecret(secret), time.Time{} // the date was the old one's
		application.PreviousSecret = spapi.Secret{}                                                // the new one is to prove itself
	}
	if id := cmp.Or(o.ApplicationID, o.set.Text(settings.ApplicationID)); id != "" {
		application.ApplicationID = id
	}
	return application, nil
}

func firstLine(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", exit.Usagef("--secret-file: %s", err)
	}
	defer file.Close()
	line, err := bufio.NewReader(io.LimitReader(file, 1<<16)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", exit.Usagef("--secret-file: %s", err)
	}
	return strings.TrimSpace(line), nil
}

// ask asks for a secret: without an echo on a terminal, else for the next line of stdin.
func (o *LoginOptions) ask(ctx context.Context, prompt string) (string, error) {
	return o.answer(ctx, prompt, func() (string, error) { return o.Factory.Streams.AskSecret(ctx, prompt) })
}

// askOpen asks for what may be seen.
func (o *LoginOptions) askOpen(ctx context.Context, prompt string) (string, error) {
	return o.answer(ctx, prompt, func() (string, error) { return o.Factory.Streams.Ask(ctx, prompt) })
}

func (o *LoginOptions) answer(ctx context.Context, prompt string, ask func() (string, error)) (string, error) {
	s := o.Factory.Streams
	what, _, _ := strings.Cut(strings.TrimSuffix(prompt, ": "), " (")
	var text string
	var err error
	switch {
	case s.CanAsk():
		answered := o.Factory.Asking()
		text, err = ask()
		answered()
	case s.InIsTerminal:
		return "", terminal.ErrNoTerminal // what is typed would be seen
	default:
		if o.lines == nil {
			o.lines = bufio.NewReader(s.In)
		}
		w := o.Factory.Await("a line of stdin: %s", what)
		text, err = o.line(ctx)
		w.End()
	}
	if err != nil {
		return "", err
	}
	if text = strings.TrimSpace(text); text == "" {
		return "", exit.Usagef("%s is missing: stdin had no line for it", what)
	}
	return text, nil
}

// line reads the next line of stdin. A read can't be ended: with the context it is left behind, and the process ends.
func (o *LoginOptions) line(ctx context.Context) (string, error) {
	type line struct {
		text string
		err  error
	}
	lines := make(chan line, 1)
	go func() {
		text, err := o.lines.ReadString('\n')
		if errors.Is(err, io.EOF) {
			err = nil
		}
		lines <- line{text, err}
	}()
	select {
	case l := <-lines:
		return l.text, l.err
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// consent goes the way over Amazon's consent page.
func (o *LoginOptions) consent(ctx context.Context, application *accounts.Application, account *accounts.Account) error {
	if application.ApplicationID == "" {
		return exit.Usagef("the consent page needs the application's id: pass --application-id amzn1.sp.solution.…, or --self for your own account")
	}
	m, err := marketplace.Lookup(account.Marketplaces[0])
	if err != nil {
		return &exit.UsageError{Err: err}
	}
	c := &consent{site: central(m, o.Vendor), applicationID: application.ApplicationID, redirectURI: o.RedirectURI, draft: o.Draft, state: newState()}
	if !settings.IsAmazonEndpoint(account.Endpoint) {
		c.site = strings.TrimSuffix(account.Endpoint, "/") // an emulator has its consent page there
	}
	if c.site == "" {
		return exit.Usagef("marketplace %s: its consent page is unknown", account.Marketplaces[0])
	}
	u, err := url.Parse(o.RedirectURI)
	if err != nil || u.Host == "" {
		return exit.Usagef("--redirect-uri %q: want an address that is registered with the application", o.RedirectURI)
	}
	var g granted
	consenting, cancel := context.WithTimeoutCause(ctx, o.ConsentTimeout, errNobody)
	defer cancel()
	if isLoopback(u) {
		g, err = o.waitForBrowser(consenting, c)
	} else {
		o.show(c)
		var address string
		if address, err = o.askOpen(consenting, "Address that the browser shows in the end: "); err == nil {
			g, err = c.readPasted(address)
		}
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return ended(consenting)
	}
	if err != nil {
		return err
	}
	client, err := o.clients.Of(*account, *application)
	if err != nil {
		return err
	}
	authorization, err := client.App().Exchange(ctx, g.code, c.redirectURI)
	if err != nil {
		return err
	}
	account.RefreshToken, account.SellingPartnerID = authorization.RefreshToken, g.sellingPartnerID
	return nil
}

func (o *LoginOptions) waitForBrowser(ctx context.Context, c *consent) (granted, error) {
	b, err := listen(ctx, c, func() {
		o.Factory.Notef("refused a callback that does not belong to this authorization")
	})
	if err != nil {
		return granted{}, err
	}
	defer b.close()
	o.show(c)
	w := o.Factory.AwaitShown("the seller's consent")
	defer w.End()
	return b.wait(ctx)
}

// show leads the seller to the consent page. It tells the address even with --quiet, for nothing works without it.
func (o *LoginOptions) show(c *consent) {
	s := o.Factory.Streams
	_, _ = io.WriteString(s.Err, "Let the seller open this page, log in and confirm:\n\n  "+c.url()+"\n\n"+
		"If it shows an error: MD1000 wants --beta (the application is a draft), MD5101 means that the redirect URI\n"+
		"is not registered, MD9100 that none is, SPDC8143 that the user is not the account's primary one.\n")
	if o.Open {
		if err := openBrowser(c.url()); err != nil {
			o.Factory.Notef("%s", err)
		}
	}
}

// check tries the authorization and completes the account with what Amazon tells: its marketplaces, and the region if that is unknown.
func (o *LoginOptions) check(ctx context.Context, application accounts.Application, account *accounts.Account) error {
	regions := []marketplace.Region{account.Region}
	if account.Region == "" {
		regions = marketplace.Regions() // Amazon tells nowhere which it is: one of the three answers
	}
	for _, r := range regions {
		trial := *account
		trial.Region = r
		client, err := o.clients.Of(trial, application)
		if err != nil {
			return err
		}
		if _, err := client.AccessToken(ctx); err != nil {
			return err
		}
		joined, err := sellersv1.New(client).GetMarketplaceParticipations(ctx, nil)
		switch {
		case err == nil:
			account.Region = r
			for _, p := range joined {
				if p.Participation != nil && p.Participation.IsParticipating != nil && *p.Participation.IsParticipating && p.Marketplace != nil {
					account.Marketplaces = append(account.Marketplaces, p.Marketplace.ID)
				}
			}
			return nil
		case !spapi.IsForbidden(err):
			return err
		}
	}
	if account.Region == "" {
		return exit.Usagef("no region lets the account in: pass --region or --marketplace, and see \"spapi doctor\" afterwards")
	}
	// A vendor, or an application without the roles for this call: the tokens are good, so it is stored.
	o.Factory.Notef("SP-API did not tell the marketplaces; \"spapi doctor\" finds out why")
	return nil
}
