package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// prepare makes the copies of the module, and an environment in which a user's folders are not the user's.
func (r *runner) prepare(ctx context.Context) error {
	for worker := range r.workers {
		if err := copyTree(r.copied(worker), r.root); err != nil {
			return fmt.Errorf("copy the module: %w", err)
		}
	}
	home := filepath.Join(r.dir, "home")
	r.env = append(os.Environ(), "HOME="+home, "XDG_CONFIG_HOME=", "AppData="+home)
	// Go's own folders stay where they are, for tests that build something.
	names := []string{"GOCACHE", "GOMODCACHE", "GOPATH", "GOENV"}
	out, err := exec.CommandContext(ctx, "go", append([]string{"env"}, names...)...).Output()
	values := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
	if err != nil || len(values) != len(names) {
		return errors.Join(fmt.Errorf("go env says %q", out), err)
	}
	for i, name := range names {
		r.env = append(r.env, name+"="+values[i])
	}
	return os.MkdirAll(home, 0o700)
}

// copied is where a worker's copy of the module lies.
func (r *runner) copied(worker int) string { return filepath.Join(r.dir, fmt.Sprint("copy", worker)) }

// copyTree copies a folder with all that is in it, but for what git keeps.
func copyTree(to, from string) error {
	return filepath.WalkDir(from, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.Name() == ".git" {
			if d.IsDir() {
				return filepath.SkipDir
			}
			return nil
		}
		rel, err := filepath.Rel(from, name)
		if err != nil {
			return err
		}
		if d.IsDir() {
			return os.MkdirAll(filepath.Join(to, rel), 0o700)
		}
		return copyFile(filepath.Join(to, rel), name)
	})
}

func copyFile(to, from string) error {
	info, err := os.Stat(from)
	if err != nil {
		return err
	}
	text, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	if err := os.RemoveAll(to); err != nil {
		return err
	}
	return os.WriteFile(to, text, info.Mode().Perm())
}

// restore undoes what was written to a package's folder in a copy: the next edit must not meet what this one left. It returns the names.
func restore(to, from, pkg string) (wrote []string, err error) {
	to, from = filepath.Join(to, filepath.FromSlash(pkg)), filepath.Join(from, filepath.FromSlash(pkg))
	err = filepath.WalkDir(to, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(to, name)
		if err != nil {
			return err
		}
		original := filepath.Join(from, rel)
		info, err := os.Stat(original)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			wrote = append(wrote, rel)
			if err := os.RemoveAll(name); err != nil {
				return err
			}
			if d.IsDir() {
				return filepath.SkipDir
			}
			return nil
		case err != nil:
			return err
		case d.IsDir() != info.IsDir():
			return fmt.Errorf("%s changed its kind", rel)
		case d.IsDir():
			if pkg == "." && rel != "." && rel != "testdata" { // other packages
				return filepath.SkipDir
			}
			return nil
		}
		is, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		was, err := os.ReadFile(original)
		if err != nil {
			return err
		}
		if bytes.Equal(is, was) {
			return nil
		}
		wrote = append(wrote, rel)
		return copyFile(name, original)
	})
	return wrote, err
}
