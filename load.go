package spapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/openspapi/spapi/marketplace"
)

// Load makes a client from the environment and a profile. A variable goes before the profile, an option before both.
//
//	SPAPI_CLIENT_ID      or LWA_CLIENT_IDENTIFIER
//	SPAPI_CLIENT_SECRET  or LWA_CLIENT_SECRET
//	SPAPI_REFRESH_TOKEN  or AMAZON_REFRESH_TOKEN
//	SPAPI_REGION         na, eu or fe
//	SPAPI_MARKETPLACE    in place of the region: id, country code, name or storefront
//	SPAPI_SANDBOX        true or false
//	SPAPI_SELLER_ID      optional, see Authorization.SellerID
//	SPAPI_ENDPOINT       see WithEndpoint
//	SPAPI_TOKEN_URL      see WithTokenURL
//	SPAPI_PROFILE        name of the profile, by default "default"
//	SPAPI_CONFIG         file of the profiles, by default spapi/config.json in os.UserConfigDir
//
// The file holds profiles by name; keys are the variables' names in lower case without prefix:
//
//	{"profiles": {"default": {"client_id": "…", "client_secret": "…", "refresh_token": "…", "region": "eu"}}}
//
// It must be readable by its owner alone (mode 0600). Errors are a [*ConfigError] that names file, variable or key.
func Load(ctx context.Context, options ...Option) (*Client, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	var c config
	for _, o := range options {
		o(&c)
	}
	s, err := loadSettings(c.profile)
	if err != nil {
		return nil, err
	}
	auth := Authorization{RefreshToken: s.RefreshToken, Marketplace: s.Marketplace, SellerID: s.SellerID, Region: marketplace.Region(s.Region)}
	if s.Sandbox != nil {
		auth.Sandbox = *s.Sandbox
	}
	auth.Sandbox = auth.Sandbox || c.sandbox
	if c.region != "" {
		auth.Region, auth.Marketplace = c.region, ""
	}
	var found []Option
	if s.Endpoint != "" {
		found = append(found, WithEndpoint(s.Endpoint))
	}
	if s.TokenURL != "" {
		found = append(found, WithTokenURL(s.TokenURL))
	}
	client := NewApp(Credentials{ClientID: s.ClientID, ClientSecret: s.ClientSecret}, append(found, options...)...).Client(auth)
	if err := client.Check(); err != nil {
		return nil, s.withSource(err)
	}
	if auth.RefreshToken == "" {
		return nil, s.withSource(checkRefreshToken(""))
	}
	return client, nil
}

// settings are what a profile can hold. Methods that print it are missing on purpose: it never leaves this file.
type settings struct {
	ClientID     string `json:"client_id"`
	ClientSecret string `json:"client_secret"`
	RefreshToken string `json:"refresh_token"`
	Region       string `json:"region"`
	Marketplace  string `json:"marketplace"`
	SellerID     string `json:"seller_id"`
	Endpoint     string `json:"endpoint"`
	TokenURL     string `json:"token_url"`
	Sandbox      *bool  `json:"sandbox"`

	sources map[string]string // where each setting came from, by the field name of ConfigError
}

// variable is a setting in the environment; the second name is the one that Amazon's own tutorials use.
type variable struct {
	field  string
	names  []string
	secret bool
	target func(*settings) *string
}

var variables = []variable{
	{"client id", []string{"SPAPI_CLIENT_ID", "LWA_CLIENT_IDENTIFIER"}, false, func(s *settings) *string { return &s.ClientID }},
	{"client secret", []string{"SPAPI_CLIENT_SECRET", "LWA_CLIENT_SECRET"}, true, func(s *settings) *string { return &s.ClientSecret }},
	{"refresh token", []string{"SPAPI_REFRESH_TOKEN", "AMAZON_REFRESH_TOKEN"}, true, func(s *settings) *string { return &s.RefreshToken }},
	{"region", []string{"SPAPI_REGION"}, false, func(s *settings) *string { return &s.Region }},
	{"marketplace", []string{"SPAPI_MARKETPLACE"}, false, func(s *settings) *string { return &s.Marketplace }},
	{"seller id", []string{"SPAPI_SELLER_ID"}, false, func(s *settings) *string { return &s.SellerID }},
	{"endpoint", []string{"SPAPI_ENDPOINT"}, false, func(s *settings) *string { return &s.Endpoint }},
	{"token URL", []string{"SPAPI_TOKEN_URL"}, false, func(s *settings) *string { return &s.TokenURL }},
}

func loadSettings(profile string) (*settings, error) {
	s, err := loadProfile(profile)
	if err != nil {
		return nil, err
	}
	// A region in the environment replaces a marketplace of the profile and the reverse: they are two spellings of one setting.
	if os.Getenv("SPAPI_REGION") != "" || os.Getenv("SPAPI_MARKETPLACE") != "" {
		s.Region, s.Marketplace = "", ""
	}
	for _, v := range variables {
		value, source, err := v.read()
		if err != nil {
			return nil, err
		}
		if value != "" {
			*v.target(s) = value
			s.sources[v.field] = source
		}
	}
	if text := os.Getenv("SPAPI_SANDBOX"); text != "" {
		sandbox, err := strconv.ParseBool(text)
		if err != nil {
			return nil, &ConfigError{Field: "SPAPI_SANDBOX", Value: text, Want: "want true or false"}
		}
		s.Sandbox = &sandbox
	}
	return s, nil
}

func (v variable) read() (value, source string, err error) {
	for _, name := range v.names {
		found := os.Getenv(name)
		switch {
		case found == "" || found == value:
		case value == "":
			value, source = found, name
		default:
			return "", "", &ConfigError{Field: v.field, Want: fmt.Sprintf("%s and %s are both set and differ: set one of the two", source, name)}
		}
	}
	return value, source, nil
}

// withSource adds where a bad setting came from.
func (s *settings) withSource(err error) error {
	var bad *ConfigError
	if !errors.As(err, &bad) {
		return err
	}
	named := *bad
	source := s.sources[bad.Field]
	if source == "" {
		for _, v := range variables {
			if v.field == bad.Field {
				source = strings.Join(v.names, " or ") + " is not set, nor the profile's key"
			}
		}
		if bad.Field == "region" {
			source = "SPAPI_REGION and SPAPI_MARKETPLACE are not set, nor the profile's keys"
		}
	}
	if source != "" {
		named.Field += " (" + source + ")"
	}
	return &named
}

func loadProfile(name string) (*settings, error) {
	path, chosen := os.Getenv("SPAPI_CONFIG"), true
	if name == "" {
		name = os.Getenv("SPAPI_PROFILE")
	}
	demanded := path != "" || name != "" // by the caller; otherwise the file may be missing
	if path == "" {
		chosen = false
		dir, err := os.UserConfigDir()
		if err != nil {
			if demanded {
				return nil, &ConfigError{Field: "profile file", Want: "cannot be located: set SPAPI_CONFIG", Err: err}
			}
			return &settings{sources: map[string]string{}}, nil
		}
		path = filepath.Join(dir, "spapi", "config.json")
	}
	if name == "" {
		name = "default"
	}
	text, err := readPrivate(path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && !demanded:
		return &settings{sources: map[string]string{}}, nil
	case err != nil:
		return nil, err
	}
	var file struct {
		Profiles map[string]*settings `json:"profiles"`
	}
	decoder := json.NewDecoder(strings.NewReader(string(text)))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&file); err != nil {
		return nil, &ConfigError{Field: "profile file", Value: path, Want: "cannot be read as JSON", Err: profileSyntax(err)}
	}
	if _, err := decoder.Token(); err != io.EOF {
		return nil, &ConfigError{Field: "profile file", Value: path, Want: "has something behind its closing brace"}
	}
	s := file.Profiles[name]
	if s == nil {
		if name == "default" && !chosen && os.Getenv("SPAPI_PROFILE") == "" {
			return &settings{sources: map[string]string{}}, nil
		}
		return nil, &ConfigError{Field: "profile", Value: name,
			Want: fmt.Sprintf("is not in %s, which has: %s", path, strings.Join(slices.Sorted(maps.Keys(file.Profiles)), ", "))}
	}
	s.sources = map[string]string{}
	for _, v := range variables {
		if *v.target(s) != "" {
			s.sources[v.field] = fmt.Sprintf("profile %q in %s", name, path)
		}
	}
	return s, nil
}

// profileSyntax takes values out of JSON errors: encoding/json quotes field names and types, which may be shown, but a syntax error
// next to a secret may quote a character of it.
func profileSyntax(err error) error {
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		return fmt.Errorf("syntax error at byte %d", syntax.Offset)
	}
	return err
}

// readPrivate reads a file with secrets and refuses one that others could read.
func readPrivate(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, &ConfigError{Field: "profile file", Value: path, Want: "cannot be opened", Err: err}
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, &ConfigError{Field: "profile file", Value: path, Want: "cannot be read", Err: err}
	}
	if !info.Mode().IsRegular() {
		return nil, &ConfigError{Field: "profile file", Value: path, Want: "is not a file"}
	}
	// Windows keeps permissions elsewhere, and Go reports 0666 there.
	if mode := info.Mode().Perm(); runtime.GOOS != "windows" && mode&0o077 != 0 {
		return nil, &ConfigError{Field: "profile file", Value: path,
			Want: fmt.Sprintf("can be read or written by others (mode %04o): it holds secrets, so run chmod 600 on it", mode)}
	}
	text, err := io.ReadAll(io.LimitReader(f, 1<<20))
	if err != nil {
		return nil, &ConfigError{Field: "profile file", Value: path, Want: "cannot be read", Err: err}
	}
	return text, nil
}
