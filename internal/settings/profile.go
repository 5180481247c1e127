package settings

import (
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
)

// DefaultProfile is the profile that is read where none is named.
const DefaultProfile = "default"

// NamedProfile is the profile that is asked for: name, else that of SPAPI_PROFILE, else "".
func NamedProfile(name string) string {
	if name != "" {
		return name
	}
	return Profile.Getenv()
}

// ProfileFile is where the profiles are: the file that SPAPI_CONFIG names, or spapi/config.json in the user's folder for settings.
func ProfileFile() (string, error) {
	if path := Config.Getenv(); path != "" {
		return path, nil
	}
	return inUserFolder(Config, "config.json")
}

// AccountsFile is where the stored accounts are: the file that SPAPI_ACCOUNTS names, or spapi/accounts.age in that folder.
func AccountsFile() (string, error) {
	if path := Accounts.Getenv(); path != "" {
		return path, nil
	}
	return inUserFolder(Accounts, "accounts.age")
}

// GatewayFile is where the gateway's configuration file is: the one that SPAPI_GATEWAY_CONFIG names, or spapi/gateway.yaml in that folder.
func GatewayFile() (string, error) {
	if path := GatewayConfig.Getenv(); path != "" {
		return path, nil
	}
	return inUserFolder(GatewayConfig, "gateway.yaml")
}

// GatewayDir is the gateway's own folder: the one that SPAPI_GATEWAY_FOLDER names, or spapi/gateway in that folder.
func GatewayDir() (string, error) {
	if path := GatewayFolder.Getenv(); path != "" {
		return path, nil
	}
	return inUserFolder(GatewayFolder, "gateway")
}

func inUserFolder(x *Setting, name string) (string, error) {
	dir, err := os.UserConfigDir()
	if err != nil {
		return "", &ConfigError{Code: CodeFolderUnknown, Field: x.Name, Want: "cannot be located: set " + x.Variable(), Err: err}
	}
	return filepath.Join(dir, "spapi", name), nil
}

// ReadProfile reads a profile: that of the name, else that of SPAPI_PROFILE, else "default". That one may be missing, with or without its
// file, unless a variable asks for it: then the set is empty.
func ReadProfile(name string) (Set, error) {
	named := NamedProfile(name)
	asked := named != "" || Config.Getenv() != ""
	path, err := ProfileFile()
	switch {
	case err != nil && asked:
		return nil, err
	case err != nil:
		return Set{}, nil
	}
	text, err := readPrivate(path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && !asked:
		return Set{}, nil
	case err != nil:
		return nil, askedBy(name, err)
	}
	profiles, err := parse(path, text)
	if err != nil {
		return nil, askedBy(name, err)
	}
	if named == "" {
		named = DefaultProfile
	}
	s, ok := profiles[named]
	switch {
	case ok:
		return s, nil
	case !asked:
		return Set{}, nil
	}
	bad := &ConfigError{Code: CodeProfileUnknown, Field: Profile.Name, Value: Scrub(named),
		Want: fmt.Sprintf("is not in %s: want one that it has: %s", path, strings.Join(slices.Sorted(maps.Keys(profiles)), ", "))}
	if len(profiles) == 0 {
		bad.Want = fmt.Sprintf("is not in %s, which has none: want %s", path, formOfProfiles)
	}
	if name == "" && Profile.Getenv() != "" {
		bad.Source = Profile.Variable()
	}
	return nil, bad
}

const formOfProfiles = `{"profiles": {"default": {…}}}`

// askedBy adds to an error about the file of profiles the variable that asks for it, if one does: name is what the caller asks for.
func askedBy(name string, err error) error {
	bad, ok := errors.AsType[*ConfigError](err)
	switch {
	case !ok || bad.Source != "":
	case Config.Getenv() != "":
		bad.Source = Config.Variable()
	case name == "" && Profile.Getenv() != "":
		bad.Source = Profile.Variable()
	}
	return err
}

// parse reads a file of profiles. Its errors name keys and never show a value.
func parse(path string, text []byte) (map[string]Set, error) {
	bad := func(code Code, want string, err error) (map[string]Set, error) {
		return nil, &ConfigError{Code: code, Field: Config.Name, Value: path, Want: want, Err: err}
	}
	var file struct {
		Profiles map[string]map[string]json.RawMessage `json:"profiles"`
	}
	decoder := json.NewDecoder(strings.NewReader(string(text)))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&file); err != nil {
		if strings.Contains(err.Error(), "unknown field") { // beside "profiles"
			return bad(CodeProfileFieldUnknown, "want "+formOfProfiles, err)
		}
		return bad(CodeProfileMalformed, "cannot be read as JSON: want "+formOfProfiles, withoutValues(err))
	}
	if _, err := decoder.Token(); err != io.EOF {
		return bad(CodeProfileMalformed, "has something behind its closing brace: want "+formOfProfiles, nil)
	}
	profiles := map[string]Set{}
	for name, fields := range file.Profiles {
		s := Set{}
		for key, value := range fields {
			i := slices.IndexFunc(all, func(x *Setting) bool { return x.Key == key && key != "" })
			if i < 0 {
				return bad(CodeProfileFieldUnknown, fmt.Sprintf("profile %q has an unknown field %q: want %s", name, key, strings.Join(keys(), ", ")), nil)
			}
			text, ok := scalar(all[i], value)
			if !ok {
				kind := "a string"
				switch all[i] {
				case Sandbox:
					kind = "true or false"
				case FleetProcesses:
					kind = "a number"
				}
				return bad(CodeProfileMalformed, fmt.Sprintf("%s of profile %q has another type: want %s", key, name, kind), nil)
			}
			s.Put(all[i], text, fmt.Sprintf("profile %q in %s", name, path))
		}
		profiles[name] = s
	}
	return profiles, nil
}

func keys() []string {
	var names []string
	for _, x := range all {
		if x.Key != "" {
			names = append(names, x.Key)
		}
	}
	return names
}

// scalar reads a value of a profile: a string, for a switch a boolean, for a number one. null is as if the key were not there.
func scalar(x *Setting, value json.RawMessage) (text string, ok bool) {
	if string(value) == "null" {
		return "", true
	}
	switch x {
	case Sandbox:
		var on bool
		ok = json.Unmarshal(value, &on) == nil
		return strconv.FormatBool(on), ok
	case FleetProcesses:
		var n int
		ok = json.Unmarshal(value, &n) == nil
		return strconv.Itoa(n), ok
	}
	ok = json.Unmarshal(value, &text) == nil
	return text, ok
}

// withoutValues takes values out of JSON errors: encoding/json quotes field names and types, which may be shown, but a syntax error
// next to a secret may quote a character of it.
func withoutValues(err error) error {
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		return fmt.Errorf("syntax error at byte %d", syntax.Offset)
	}
	return err
}

const wantFile = "want a file of profiles that you can read"

// withoutPath takes the path out of an error of package os, which stands before it already.
func withoutPath(err error) error {
	if bad, ok := errors.AsType[*fs.PathError](err); ok {
		return bad.Err
	}
	return err
}

// readPrivate reads a file with secrets and refuses one that others could read.
func readPrivate(path string) ([]byte, error) {
	bad := func(code Code, want string, err error) ([]byte, error) {
		return nil, &ConfigError{Code: code, Field: Config.Name, Value: path, Want: want, Err: err}
	}
	f, info, err := OpenRegular(path)
	switch {
	case errors.Is(err, ErrNotRegular):
		return bad(CodeProfileFileMissing, err.Error()+": "+wantFile, nil)
	case err != nil:
		return bad(CodeProfileFileMissing, "cannot be opened: "+wantFile, withoutPath(err))
	}
	defer f.Close()
	// Windows keeps permissions elsewhere, and Go reports 0666 there.
	if mode := info.Mode().Perm(); runtime.GOOS != "windows" && mode&0o077 != 0 {
		return bad(CodeProfileReadableByOthers,
			fmt.Sprintf("can be read or written by others (mode %04o): it holds secrets: want 0600, which chmod 600 sets", mode), nil)
	}
	text, err := io.ReadAll(io.LimitReader(f, 1<<20))
	if err != nil {
		return bad(CodeProfileFileMissing, "cannot be read: "+wantFile, withoutPath(err))
	}
	return text, nil
}

// ErrNotRegular is a folder, pipe or device where a file is wanted.
var ErrNotRegular = errors.New("is not a regular file")

// OpenRegular opens a regular file for reading, and refuses anything else before it opens it: opening a pipe waits for whoever writes to it,
// and no context ends that.
func OpenRegular(path string) (*os.File, fs.FileInfo, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, nil, ErrNotRegular
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	if info, err = f.Stat(); err == nil && !info.Mode().IsRegular() {
		err = ErrNotRegular
	}
	if err != nil {
		_ = f.Close()
		return nil, nil, err
	}
	return f, info, nil
}
