// Command benchdoc runs the benchmarks that have a peer or a floor beside them, and writes what they show on this machine into docs/performance.md.
//
//	go run ./internal/benchdoc docs/performance.md
//	go run ./internal/benchdoc -run api/ordersv0    # some, only to look at: suites whose package and benchmark the regexp matches
//
// "go test -count" repeats a benchmark before it goes on to the next, so that a machine that slows down for a while slows down one side of a comparison. Here
// each test binary is built once and run anew in every round: A B C, A B C. Ratios are taken within a round, and what is told is the median of the rounds.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"time"
)

func main() {
	rounds := flag.Int("rounds", 7, "how often each benchmark is run")
	only := flag.String("run", "", "run only the suites whose package and benchmark this regexp matches, and write no file")
	flag.Parse()
	if err := run(*rounds, *only, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "benchdoc:", err)
		os.Exit(1)
	}
}

func run(rounds int, only string, files []string) error {
	if rounds < 1 {
		return fmt.Errorf("-rounds %d: want 1 or more", rounds)
	}
	pattern, err := regexp.Compile(only)
	if err != nil {
		return fmt.Errorf("-run: %w", err)
	}
	if only == "" && len(files) != 1 || only != "" && len(files) > 0 {
		return errors.New("want the page to write, such as docs/performance.md, or -run REGEXP")
	}
	var chosen []suite
	for _, s := range suites {
		if !pattern.MatchString(s.pkg + " " + s.bench) {
			continue
		}
		if s.needs != "" {
			if _, err := exec.LookPath(s.needs); err != nil {
				fmt.Fprintf(os.Stderr, "SKIPPED: %s %s: %s is not installed\n", s.pkg, s.bench, s.needs)
				continue
			}
		}
		chosen = append(chosen, s)
	}
	if len(chosen) == 0 {
		return fmt.Errorf("-run %s: no suite matches", only)
	}
	start := time.Now()
	m := thisMachine()
	sonic, err := exec.Command("go", "list", "-m", "github.com/bytedance/sonic").Output()
	if err != nil {
		return fmt.Errorf("go list -m github.com/bytedance/sonic: %w", err)
	}
	r := &report{rounds: rounds, machine: m.name, processors: runtime.NumCPU(), loadBefore: m.load(), date: start.UTC(),
		versions: runtime.Version() + ", " + strings.TrimSpace(string(sonic))}
	if err := measure(r, chosen, rounds, os.Stderr); err != nil {
		return err
	}
	r.loadAfter, r.took = m.load(), time.Since(start)
	block, err := r.block(goals, only == "")
	if err != nil {
		return err
	}
	if only != "" {
		_, err = io.WriteString(os.Stdout, block)
		return err
	}
	page, err := os.ReadFile(files[0])
	if err != nil {
		return err
	}
	text, err := replace(string(page), r.machine, block)
	if err != nil {
		return fmt.Errorf("%s: %w", files[0], err)
	}
	return os.WriteFile(files[0], []byte(text), 0o644)
}

// measure builds the test binaries, then runs each in every round.
func measure(r *report, suites []suite, rounds int, progress io.Writer) error {
	dir, err := os.MkdirTemp("", "benchdoc-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	binaries := map[string]string{}
	for _, s := range suites {
		if binaries[s.pkg] != "" {
			continue
		}
		fmt.Fprintln(progress, "build", s.pkg)
		binary := filepath.Join(dir, fmt.Sprint(len(binaries), ".test"))
		if out, err := exec.Command("go", "test", "-c", "-o", binary, "./"+s.pkg).CombinedOutput(); err != nil {
			return fmt.Errorf("go test -c ./%s: %w\n%s", s.pkg, err, out)
		}
		binaries[s.pkg] = binary
	}
	for round := range rounds {
		for _, s := range suites {
			fmt.Fprintf(progress, "round %d of %d: %s %s %s\n", round+1, rounds, s.pkg, s.bench, s.env)
			bench := "^Benchmark" + s.bench + "$"
			if s.rows != "" {
				bench += "/" + s.rows
			}
			cmd := exec.Command(binaries[s.pkg], "-test.run", "^$", "-test.bench", bench, "-test.benchtime", s.time, "-test.benchmem")
			cmd.Dir = filepath.FromSlash(s.pkg)
			if s.env != "" {
				cmd.Env = append(os.Environ(), s.env)
			}
			cmd.Stderr = progress
			out, err := cmd.Output()
			if err == nil {
				err = r.add(s, string(out))
			}
			if err != nil {
				return fmt.Errorf("%s %s: %w\n%s", s.pkg, s.bench, err, out)
			}
		}
	}
	return nil
}

// machine is where the benchmarks run.
type machine struct {
	name string
	load func() string
}

func thisMachine() machine {
	info, _ := os.ReadFile("/proc/cpuinfo")
	return machine{
		name: machineName(runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), string(info)),
		load: func() string {
			load, err := os.ReadFile("/proc/loadavg")
			if fields := strings.Fields(string(load)); err == nil && len(fields) >= 3 {
				return strings.Join(fields[:3], " ")
			}
			return "unknown"
		},
	}
}

// machineName names a kind of machine: a model name such as "AMD EPYC" alone stands for processors that are years apart.
func machineName(goos, goarch string, processors int, cpuinfo string) string {
	value := func(key string) string {
		m := regexp.MustCompile(`(?m)^` + key + `\s*: *(.*)$`).FindStringSubmatch(cpuinfo)
		if m == nil {
			return "unknown"
		}
		return strings.TrimSpace(m[1])
	}
	return fmt.Sprintf("%s, family %s, model %s, number of processors %d, %s/%s",
		value("model name"), value("cpu family"), value("model"), processors, goos, goarch)
}
