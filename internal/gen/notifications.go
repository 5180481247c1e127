package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/openspapi/spapi/internal/notificationtypes"
)

// The files about notifications, and how models.lock calls their schemas.
const (
	typesFile    = "internal/notificationtypes/types.gen.go"
	payloadsFile = "notifications/payloads.gen.go"
	schemaFolder = "schemas/notifications/"
	ownSchemas   = "own/" // before the name of a schema in overlay/schemas
)

const (
	noticeColumns = "type,payloadVersion,alsoVersions,alias,status,since,removal,replacedBy,party,notificationVersion,casing,schema,goType,wrapper," +
		"destination,token,deleteToken,eventFilter,filterRequires,filterMembers,filterPaths,filterExpression,trigger,timing,key,naturalKey,time,roles,personal,secret,confidence,source,note"
	shapeColumns        = "shape,numbers,name,source,note"
	noticeFormatColumns = "schema,path,format,source,note"
)

// notices is all about notifications: the types of overlay/notifications.csv, and the schemas of their payloads.
type notices struct {
	types    []notificationtypes.Type
	rows     []row                 // of the types
	shapes   map[string]noticeName // by members, or an enumeration's values
	formats  map[string]string     // by schema and path
	used     map[string]bool       // rows of formats and shapes
	files    map[string][]byte     // schemas, by name
	absent   bool                  // the checkout has no schemas
	problems []error
	notes    []error
}

// noticeName is what objects of certain members, or texts of certain values, are called.
type noticeName struct {
	name    string
	numbers []string // members that are decimals, whatever the schema says
}

// loadNotices reads the overlay's facts about notifications and the schemas of a checkout. The error is of facts that cannot be read.
func loadNotices(overlay fs.FS, dir string) (*notices, error) {
	n := &notices{shapes: map[string]noticeName{}, formats: map[string]string{}, used: map[string]bool{}, files: map[string][]byte{}}
	rows, broken := readOverlay(overlay, "notifications.csv", noticeColumns)
	for _, r := range rows {
		t, err := noticeType(r)
		if i := len(n.types) - 1; err == nil && i >= 0 && n.types[i].Name+" "+n.types[i].PayloadVersion >= t.Name+" "+t.PayloadVersion {
			err = r.errorf("%s %s stands behind %s %s: keep the order of type and payload version", t.Name, t.PayloadVersion, n.types[i].Name, n.types[i].PayloadVersion)
		}
		if err != nil {
			broken = append(broken, err)
		}
		n.types, n.rows = append(n.types, t), append(n.rows, r)
	}
	rows, errs := readOverlay(overlay, "notification_shapes.csv", shapeColumns)
	broken = append(broken, errs...)
	for _, r := range rows {
		n.shapes[r.get("shape")] = noticeName{r.get("name"), r.list("numbers")}
	}
	rows, errs = readOverlay(overlay, "notification_formats.csv", noticeFormatColumns)
	broken = append(broken, errs...)
	for _, r := range rows {
		n.formats[r.get("schema")+" "+r.get("path")] = r.get("format")
	}
	return n, errors.Join(append(broken, n.loadSchemas(overlay, dir))...)
}

func (n *notices) loadSchemas(overlay fs.FS, dir string) error {
	own, err := fs.Glob(overlay, "overlay/schemas/*.json")
	if err != nil {
		return err
	}
	for _, name := range own {
		if n.files[ownSchemas+path.Base(name)], err = fs.ReadFile(overlay, name); err != nil {
			return err
		}
	}
	var found []string
	for _, root := range []string{dir, filepath.Dir(filepath.Clean(dir))} { // dir may be the folder of the models in a checkout
		if found, err = filepath.Glob(filepath.Join(root, filepath.FromSlash(schemaFolder), "*.json")); err != nil || len(found) > 0 {
			break
		}
	}
	for _, name := range found {
		if n.files[filepath.Base(name)], err = os.ReadFile(name); err != nil {
			return err
		}
	}
	n.absent = len(found) == 0
	return err
}

// one reads a column that has one of a few words.
func (r row) one(column string, words ...string) (string, error) {
	if s := r.get(column); slices.Contains(words, s) {
		return s, nil
	}
	return "", r.errorf("%s: %q is none of %q", column, r.get(column), words)
}

func noticeType(r row) (t notificationtypes.Type, err error) {
	var errs []error
	one := func(column string, words ...string) string {
		s, err := r.one(column, words...)
		errs = append(errs, err)
		return s
	}
	t = notificationtypes.Type{
		Name: r.get("type"), PayloadVersion: r.get("payloadVersion"), AlsoVersions: r.list("alsoVersions"), Alias: r.get("alias"),
		Status: one("status", "current", "deprecated", "removed", "documented"), Since: r.get("since"), Removal: r.get("removal"),
		ReplacedBy: r.get("replacedBy"), Parties: r.list("party"), NotificationVersion: r.get("notificationVersion"),
		Casing: one("casing", "pascal", "camel", ""), Schema: r.get("schema"), Go: r.get("goType"), Wrapper: r.get("wrapper"),
		Destination: one("destination", "sqs", "eventbridge", "console", ""), Token: one("token", "seller", "grantless", "none", ""),
		DeleteToken: one("deleteToken", "seller", ""), EventFilter: one("eventFilter", "required", "optional", "none", "unknown"), FilterRequires: r.list("filterRequires"),
		FilterMembers: r.list("filterMembers"), FilterPaths: r.list("filterPaths"), FilterExpression: one("filterExpression", "yes", "no", "unknown"), Trigger: r.get("trigger"),
		Timing: r.get("timing"), Key: r.list("key"), NaturalKey: r.list("naturalKey"), Time: r.get("time"), Roles: r.list("roles"),
		Personal: r.get("personal"), Confidence: r.get("confidence"), Source: r.get("source"), Note: r.get("note"),
	}
	for _, party := range t.Parties {
		if !slices.Contains([]string{"seller", "vendor", "application"}, party) {
			errs = append(errs, r.errorf("party: %q is neither seller, vendor nor application", party))
		}
	}
	if len(t.FilterPaths) != len(t.FilterMembers) {
		errs = append(errs, r.errorf("filterPaths: are %d, want one for each of the %d filterMembers", len(t.FilterPaths), len(t.FilterMembers)))
	}
	t.Secret, err = r.yes("secret")
	return t, errors.Join(append(errs, err)...)
}

// into adds the files about notifications to the output. What cannot be made, for want of the schemas or because of one, stays as the project has it.
func (n *notices) into(out output, past *former) error {
	if len(n.types) == 0 {
		return nil
	}
	made, lock := output{}, n.lock()
	if !n.absent {
		n.fail(n.make(made))
	}
	if n.absent || len(n.problems) > 0 {
		var err error
		if made, err = past.keepNotices(); err != nil {
			return err
		}
		lock = past.lockedSchemas()
	}
	for _, line := range lock {
		out[lockFile] = append(out[lockFile], line+"\n"...)
	}
	maps.Copy(out, made)
	return nil
}

func (n *notices) make(out output) error {
	p, err := n.build()
	if err != nil {
		return err
	}
	return errors.Join(out.render(payloadsFile, "payloads.tmpl", p), out.render(typesFile, "notificationtypes.tmpl", n.types))
}

func (n *notices) fail(err error) {
	if err != nil {
		n.problems = append(n.problems, err)
	}
}

// keepNotices is what the project has about notifications.
func (p *former) keepNotices() (output, error) {
	out := output{}
	for _, name := range []string{typesFile, payloadsFile} {
		data, err := os.ReadFile(filepath.Join(p.root, name))
		if errors.Is(err, fs.ErrNotExist) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		out[name] = data
	}
	return out, nil
}

// lock records which schemas the files were made from; the project's own are part of it.
func (n *notices) lock() (lines []string) {
	for _, name := range slices.Sorted(maps.Keys(n.files)) {
		if strings.HasPrefix(name, ownSchemas) {
			continue
		}
		sum := sha256.Sum256(n.files[name])
		lines = append(lines, hex.EncodeToString(sum[:])+" notifications "+schemaFolder+name)
	}
	return lines
}

// lockedSchemas are the lines of models.lock about schemas.
func (p *former) lockedSchemas() (lines []string) {
	for _, file := range slices.Sorted(maps.Keys(p.locked)) {
		if isSchema(file) {
			lines = append(lines, p.locked[file])
		}
	}
	return lines
}

// isSchema reports whether models.lock names a schema of notifications.
func isSchema(file string) bool { return strings.HasPrefix(file, schemaFolder) }

// tell writes what deserves a look, and fails when no payloads can be made.
func (n *notices) tell(log io.Writer) error {
	for _, note := range n.notes {
		fmt.Fprintf(log, "gen: note: %v\n", note)
	}
	if n.absent && len(n.types) > 0 {
		fmt.Fprintf(log, "gen: note: this checkout has no %s: what is made of them stays as the project has it\n", strings.TrimSuffix(schemaFolder, "/"))
	}
	if len(n.problems) == 0 {
		return nil
	}
	fmt.Fprintln(log, "gen: the payloads of notifications cannot be made and stay as the project has them:")
	for _, err := range n.problems {
		for line := range strings.SplitSeq(err.Error(), "\n") {
			fmt.Fprintf(log, "gen:   %s\n", line)
		}
	}
	return errors.New("the payloads of notifications cannot be made of these schemas")
}
