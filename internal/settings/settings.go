// Package settings reads what a user sets: environment variables, profiles, and what the command's flags put over both. It is the one
// reader of them for the package spapi, for accounts and for the command, with the one set of checks, so that what one of them takes for
// right or wrong the others do too.
package settings

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/openspapi/spapi/marketplace"
)

// Setting is one thing that can be set.
type Setting struct {
	Name      string   // as errors call it
	Variables []string // in the environment; those after the first are of Amazon's own tutorials
	Key       string   // in a profile; "" if profiles don't have it
	Flag      string   // of the command, without dashes; "" if it has none
	Secret    bool     // never shown, never a flag

	check func(value string) *ConfigError // nil: anything will do
}

// What a client is made of.
var (
	ClientID = &Setting{Name: nameClientID, Variables: []string{"SPAPI_CLIENT_ID", "LWA_CLIENT_IDENTIFIER"}, Key: "client_id", check: CheckClientID}

	ClientSecret = &Setting{Name: nameClientSecret, Variables: []string{"SPAPI_CLIENT_SECRET", "LWA_CLIENT_SECRET"}, Key: "client_secret",
		Secret: true, check: CheckClientSecret}

	RefreshToken = &Setting{Name: nameRefreshToken, Variables: []string{"SPAPI_REFRESH_TOKEN", "AMAZON_REFRESH_TOKEN"}, Key: "refresh_token",
		Secret: true, check: CheckRefreshToken}

	Region      = &Setting{Name: nameRegion, Variables: []string{"SPAPI_REGION"}, Key: "region", Flag: "region", check: checkRegion}
	Marketplace = &Setting{Name: nameMarketplace, Variables: []string{"SPAPI_MARKETPLACE"}, Key: "marketplace", Flag: "marketplace", check: checkMarketplace}
	SellerID    = &Setting{Name: nameSellerID, Variables: []string{"SPAPI_SELLER_ID"}, Key: "seller_id", check: CheckSellerID}
	Endpoint    = &Setting{Name: nameEndpoint, Variables: []string{"SPAPI_ENDPOINT"}, Key: "endpoint", Flag: "endpoint", check: checkEndpoint}
	TokenURL    = &Setting{Name: nameTokenURL, Variables: []string{"SPAPI_TOKEN_URL"}, Key: "token_url", Flag: "token-url", check: checkTokenURL}
	Sandbox     = &Setting{Name: nameSandbox, Variables: []string{"SPAPI_SANDBOX"}, Key: "sandbox", Flag: "sandbox", check: checkSandbox}

	Fleet          = &Setting{Name: nameFleet, Variables: []string{"SPAPI_FLEET"}, Key: "fleet", Secret: true, check: CheckFleet}
	FleetKey       = &Setting{Name: nameFleetKey, Variables: []string{"SPAPI_FLEET_KEY"}, Key: "fleet_key", Secret: true, check: checkFleetKey}
	FleetProcesses = &Setting{Name: nameProcesses, Variables: []string{"SPAPI_FLEET_PROCESSES"}, Key: "fleet_processes", check: checkProcesses}

	ApplicationID = &Setting{Name: nameApplicationID, Variables: []string{"SPAPI_APPLICATION_ID"}, check: CheckApplicationID}
	RoleARN       = &Setting{Name: nameRoleARN, Variables: []string{"SPAPI_ROLE_ARN", "SP_ROLE_ARN"}, check: CheckRoleARN}
)

// all are the settings of a [Set], in the order in which they are checked.
var all = []*Setting{ClientID, ClientSecret, RefreshToken, Region, Marketplace, SellerID, Endpoint, TokenURL, Sandbox, Fleet, FleetKey, FleetProcesses,
	ApplicationID, RoleARN}

// credentials say who calls.
var credentials = []*Setting{ClientID, ClientSecret, RefreshToken}

// bound are the settings that an authorization is bound to: they belong to the credentials that they stand beside.
var bound = []*Setting{Region, Marketplace, SellerID}

// Beyond are the settings that an authorization has beyond credentials: what it is bound to, and where its calls go.
var Beyond = append(slices.Clone(bound), Endpoint, TokenURL, Sandbox)

// Where the others are.
var (
	Profile    = &Setting{Name: "profile", Variables: []string{"SPAPI_PROFILE"}, Flag: "profile"}
	Config     = &Setting{Name: "profile file", Variables: []string{"SPAPI_CONFIG"}}
	Account    = &Setting{Name: "account", Variables: []string{"SPAPI_ACCOUNT"}, Flag: "account"}
	Accounts   = &Setting{Name: "file of accounts", Variables: []string{"SPAPI_ACCOUNTS"}}
	KeyFile    = &Setting{Name: "key file", Variables: []string{"SPAPI_KEY_FILE"}}
	Passphrase = &Setting{Name: "passphrase", Variables: []string{"SPAPI_PASSPHRASE"}, Secret: true}
)

// WebhookSecret signs what the command forwards.
var WebhookSecret = &Setting{Name: "webhook secret", Variables: []string{"SPAPI_WEBHOOK_SECRET"}, Secret: true}

// Of "spapi gateway".
var (
	GatewayConfig = &Setting{Name: "configuration file", Variables: []string{"SPAPI_GATEWAY_CONFIG"}, Flag: "config"}
	GatewayFolder = &Setting{Name: "folder", Variables: []string{"SPAPI_GATEWAY_FOLDER"}, Flag: "folder"}
	GatewaySecret = &Setting{Name: "secret", Variables: []string{"SPAPI_GATEWAY_SECRET"}, Secret: true}
)

// Variable is the setting's own name in the environment.
func (s *Setting) Variable() string { return s.Variables[0] }

// Getenv is what the variable of a setting with one says, "" for nothing.
func (s *Setting) Getenv() string { return os.Getenv(s.Variable()) }

// Read is what the environment says about the setting, under any of its names. The error is that two of them differ.
func (s *Setting) Read() (Value, error) {
	var v Value
	for _, name := range s.Variables {
		switch text := os.Getenv(name); {
		case text == "" || text == v.Text:
		case v.Text == "":
			v = Value{text, name}
		default:
			return Value{}, &ConfigError{Code: CodeSpellingsDiffer, Field: s.Name, Want: v.Source + " and " + name + " are both set and differ: set one of the two"}
		}
	}
	return v, nil
}

// Value is what a setting is set to.
type Value struct {
	Text   string
	Source string // the variable, flag or profile that said so
}

// Set is what is set. Settings without a value are absent.
type Set map[*Setting]Value

// Text is a setting's value, "" if it has none.
func (s Set) Text(setting *Setting) string { return s[setting].Text }

// Has reports whether any of these is set.
func (s Set) Has(settings ...*Setting) bool {
	return slices.ContainsFunc(settings, func(x *Setting) bool { return s[x].Text != "" })
}

// HasCredentials reports whether the set says who calls, in whole or in part.
func (s Set) HasCredentials() bool { return s.Has(credentials...) }

// True reports whether a switch is on. [Set.Check] tells those that are neither on nor off.
func (s Set) True(setting *Setting) bool {
	on, err := strconv.ParseBool(s.Text(setting))
	return err == nil && on
}

// FleetKeys are the keys that tokens are sealed with, in their order.
func (s Set) FleetKeys() []string {
	return fleetKeys(s.Text(FleetKey))
}

func fleetKeys(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r == ',' || unicode.IsSpace(r) })
}

// Processes is how many are assumed where nobody knows; 0: it isn't set.
func (s Set) Processes() int {
	n, _ := strconv.Atoi(s.Text(FleetProcesses))
	return n
}

// Put sets a setting, unless the text is empty.
func (s Set) Put(setting *Setting, text, source string) {
	if text != "" {
		s[setting] = Value{text, source}
	}
}

// Over returns what s sets, and of below the rest. Region and marketplace are two spellings of one thing, so either in s replaces both.
func (s Set) Over(below Set) Set {
	merged := Set{}
	for _, x := range all {
		switch {
		case s.Has(x):
			merged[x] = s[x]
		case (x == Region || x == Marketplace) && s.Has(Region, Marketplace):
		case below.Has(x):
			merged[x] = below[x]
		}
	}
	return merged
}

// Without returns the set without these settings.
func (s Set) Without(settings ...*Setting) Set {
	rest := Set{}
	for x, v := range s {
		if !slices.Contains(settings, x) {
			rest[x] = v
		}
	}
	return rest
}

// Check finds what is known not to work, as a [*ConfigError] with its source. What is missing is none of its business.
func (s Set) Check() error {
	for _, x := range all {
		v, ok := s[x]
		if !ok || x.check == nil {
			continue
		}
		if bad := x.check(v.Text); bad != nil {
			bad.Source = v.Source
			return bad
		}
	}
	if s.Has(Marketplace) {
		err := PlaceError(s.Text(Region), s.Text(Marketplace))
		if bad, ok := errors.AsType[*ConfigError](err); ok && bad.Code != CodeRegionMissing {
			return s.Sourced(err)
		}
	}
	return nil
}

// PlaceError is what is wrong about a region and a marketplace together.
func PlaceError(region, name string) error {
	_, err := Place(marketplace.Region(region), name)
	return err
}

// Complete finds what is missing for a client.
func (s Set) Complete() error {
	for _, x := range credentials {
		if bad := x.check(s.Text(x)); bad != nil {
			return s.Sourced(bad)
		}
	}
	return s.Sourced(PlaceError(s.Text(Region), s.Text(Marketplace)))
}

// Sourced adds to an error where the setting that it is about came from, or where it may be set.
func (s Set) Sourced(err error) error {
	bad, ok := errors.AsType[*ConfigError](err)
	if !ok || bad.Source != "" {
		return err
	}
	for _, x := range all {
		if x.Name != bad.Field {
			continue
		}
		with := *bad
		with.Source = s[x].Source
		if set, _ := x.Read(); with.Source == "" && set.Text != "" {
			with.Source = set.Source + " belongs to other credentials than the profile's, which has no " + x.Key
		}
		if with.Source == "" {
			with.Source = x.places()
		}
		if region := s[Region]; with.Code == CodeMarketplaceInOtherRegion && region.Source != "" {
			m, _ := marketplace.Lookup(with.Value)
			with.Want = inOtherRegion(m, with.Value, marketplace.Region(region.Text), region.Source+" says").Want
		}
		return &with
	}
	return err
}

// places are where the setting may be set.
func (s *Setting) places() string {
	places := slices.Clone(s.Variables)
	if s == Region {
		places = append(places, Marketplace.Variables...)
	}
	if s.Key != "" {
		places = append(places, "a profile's "+s.Key)
	}
	last := len(places) - 1
	if last == 0 {
		return places[0]
	}
	return strings.Join(places[:last], ", ") + " or " + places[last]
}

// Environment reads the variables. Its only error is that two spellings of one setting differ: see [Set.Check].
func Environment() (Set, error) {
	s := Set{}
	for _, x := range all {
		v, err := x.Read()
		if err != nil {
			return nil, err
		}
		s.Put(x, v.Text, v.Source)
	}
	return s, nil
}

// CredentialVariables reports whether any variable of credentials is set, so that the environment is meant to say who calls.
func CredentialVariables() bool {
	return slices.ContainsFunc(credentials, func(x *Setting) bool {
		return slices.ContainsFunc(x.Variables, func(name string) bool { return os.Getenv(name) != "" })
	})
}

// Beside is what the environment, and below it the profile that SPAPI_PROFILE names, say about an account whose credentials are elsewhere.
// What belongs to credentials of their own is left out of used. used is checked.
func Beside() (used, left Set, err error) {
	layers := make([]Set, 0, 2)
	env, err := Environment()
	if err != nil {
		return nil, nil, err
	}
	layers = append(layers, env)
	if Profile.Getenv() != "" {
		profile, err := ReadProfile("")
		if err != nil {
			return nil, nil, err
		}
		layers = append(layers, profile)
	}
	used, left = Set{}, Set{}
	for _, s := range layers {
		if s.HasCredentials() {
			left = left.Over(s.only(bound))
			s = s.Without(bound...)
		}
		used = used.Over(s.only(Beyond))
	}
	return used, left, used.Check()
}

func (s Set) only(settings []*Setting) Set {
	some := Set{}
	for _, x := range settings {
		if v, ok := s[x]; ok {
			some[x] = v
		}
	}
	return some
}

// identity is who calls, with what is bound to it.
var identity = append(slices.Clone(credentials), bound...)

// application are the credentials that shops may share.
var application = []*Setting{ClientID, ClientSecret}

// Read is what environment and profile set; see [ReadProfile] about the name. The environment goes first, except that a profile that is named
// here and has credentials is a chosen identity: region, marketplace and seller id then come from the profile before the environment, and of
// credentials the environment gives nothing but client id and secret to a profile that has neither. Where it has credentials that are
// left out, what is bound to them is left out too. The notes tell what of the environment counts for something else than it says. Nothing is checked yet.
func Read(profile string) (s Set, notes []string, err error) {
	below, err := ReadProfile(profile)
	if err != nil {
		return nil, nil, err
	}
	env, err := Environment()
	if err != nil {
		return nil, nil, err
	}
	if profile == "" || !below.HasCredentials() {
		s = env.Over(below)
		return s, mixed(s, env), nil
	}
	left := credentials
	if !below.Has(application...) {
		left = []*Setting{RefreshToken}
	}
	rest := env.Without(left...)
	if env.Has(left...) {
		rest = rest.Without(bound...)
	}
	s = below.only(identity).Over(rest).Over(below)
	return s, append(mixed(s, env), differing(s, env, below)...), nil
}

// fleetwide are the settings that processes share.
var fleetwide = []*Setting{Fleet, FleetKey, FleetProcesses}

// ReadFleet is what environment and profile set of [Fleet] and what belongs to it, checked. Where the environment has the address and no profile is named,
// none is read.
func ReadFleet(profile string) (Set, error) {
	s, err := Environment()
	if err == nil && (!s.Has(Fleet) || NamedProfile(profile) != "") {
		s, _, err = Read(profile)
	}
	if err != nil {
		return nil, err
	}
	s = s.only(fleetwide)
	if err := s.Check(); err != nil {
		return s, err
	}
	return s, s.CheckFleet()
}

// CheckFleet finds what is set for a fleet without an address: whoever set it believes that something is shared.
func (s Set) CheckFleet() error {
	if s.Has(Fleet) {
		return nil
	}
	for _, x := range fleetwide {
		if s.Has(x) {
			return &ConfigError{Code: CodeFleetAddressMissing, Field: x.Name, Source: s[x].Source,
				Want: fmt.Sprintf("is set, but %s is not: nothing is shared without the address of a server. Set %s, such as redis://host:6379/0, or leave both out",
					Fleet.Variable(), Fleet.places())}
		}
	}
	return nil
}

// mixed tells that one's refresh token is used with another's client id.
func mixed(s, env Set) []string {
	if !s.Has(RefreshToken) || !s.Has(ClientID) {
		return nil
	}
	token, client := s[RefreshToken].Source, s[ClientID].Source
	if (env[RefreshToken].Source == token) == (env[ClientID].Source == client) {
		return nil
	}
	return []string{fmt.Sprintf("the refresh token is that of %s, but the client id that of %s", token, client)}
}

// differing tells where environment and profile disagree, and what of the environment is left out beside the profile's credentials.
func differing(s, env, profile Set) (notes []string) {
	for _, x := range all {
		other := env[x]
		if env.Has(x) && s[x] == env[x] {
			other = profile[x]
		}
		if other.Text == "" || !env.Has(x) || other.Text == s.Text(x) {
			continue
		}
		switch {
		case !s.Has(x):
			notes = append(notes, fmt.Sprintf("%s of %s is left out, beside %s", x.Name, other.Source, profile.credentialsSource()))
		case x.Secret || SecretShape(other.Text+s.Text(x)):
			notes = append(notes, fmt.Sprintf("%s is that of %s; %s says otherwise", x.Name, s[x].Source, other.Source))
		default:
			notes = append(notes, fmt.Sprintf("%s is %s, as %s says; %s says %s", x.Name, s.Text(x), s[x].Source, other.Source, other.Text))
		}
	}
	return notes
}

// credentialsSource is where the set's credentials come from.
func (s Set) credentialsSource() string {
	i := slices.IndexFunc(credentials, func(x *Setting) bool { return s.Has(x) })
	return s[credentials[i]].Source
}
