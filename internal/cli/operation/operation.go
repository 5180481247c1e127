// Package operation finds operations by the names that people type, and tells what arguments they take on the command line.
package operation

import (
	"cmp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/openspapi/spapi/internal/catalog"
	"github.com/openspapi/spapi/internal/cli/exit"
	"github.com/openspapi/spapi/internal/cli/output"
)

// Operation is an operation with its arguments.
type Operation struct {
	*catalog.Operation
	API    *catalog.API
	Detail *catalog.Detail
}

// Lookup finds an operation by its id, whatever the case, or by its name alone if only one operation has it. The error of an
// unknown one names the nearest.
func Lookup(name string) (*Operation, error) {
	op, err := find(name)
	if err != nil {
		return nil, err
	}
	api, err := catalog.LoadAPI(op.API)
	if err != nil {
		return nil, err
	}
	_, key, _ := strings.Cut(op.ID, ".")
	return &Operation{op, api, api.Operations[key]}, nil
}

func find(name string) (*catalog.Operation, error) {
	if op, ok := catalog.Lookup(name); ok {
		return op, nil
	}
	all := catalog.Operations()
	var same []string
	var found *catalog.Operation
	for i := range all {
		op := &all[i]
		_, own, _ := strings.Cut(op.ID, ".")
		switch {
		case strings.EqualFold(op.ID, name):
			return op, nil
		case strings.EqualFold(own, name):
			same = append(same, op.ID)
			found = op
		}
	}
	switch {
	case len(same) == 1:
		return found, nil
	case len(same) > 1:
		return nil, exit.Usagef("%q is the name of several operations: %s", name, strings.Join(same, ", "))
	}
	ids := make([]string, len(all))
	for i := range all {
		ids[i] = all[i].ID
	}
	if near := Near(name, ids); len(near) > 0 {
		return nil, exit.Usagef("unknown operation %q: did you mean %s?", name, output.OneOf(near))
	}
	return nil, exit.Usagef("unknown operation %q: \"spapi ops word…\" finds operations by words", name)
}

// Given returns the operation that a command line names behind a command, such as "spapi call ordersv0.getOrders", with the name as it
// stands there; nil for none. It only looks: it reports no errors.
func Given(args []string, command string) (op *Operation, name string) {
	i := slices.Index(args, command)
	if i < 0 {
		return nil, ""
	}
	for _, arg := range args[i+1:] {
		if strings.HasPrefix(arg, "-") || arg == "" {
			continue
		}
		if op, err := Lookup(arg); err == nil {
			return op, arg
		}
	}
	return nil, ""
}

// Complete completes the ids of operations.
func Complete(_ *cobra.Command, args []string, toComplete string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	all := catalog.Operations()
	var ids []string
	for _, op := range all {
		if strings.HasPrefix(op.ID, toComplete) {
			ids = append(ids, op.ID+"\t"+op.Method+" "+op.Path)
		}
	}
	return ids, cobra.ShellCompDirectiveNoFileComp
}

// Near returns up to three candidates that look like a name that does not exist, the nearest first.
func Near(name string, candidates []string) []string {
	type scored struct {
		name  string
		score int
	}
	var near []scored
	low := strings.ToLower(name)
	_, own, dotted := strings.Cut(low, ".")
	for _, c := range candidates {
		lowC := strings.ToLower(c)
		score := distance(low, lowC)
		_, ownC, _ := strings.Cut(lowC, ".")
		if ownC != "" {
			// The right name with another version of the API, or without one, is near.
			if dotted {
				score = min(score, 1+distance(own, ownC))
			} else {
				score = min(score, 1+distance(low, ownC))
			}
		}
		if score <= max(2, len(low)/4) {
			near = append(near, scored{c, score})
		}
	}
	slices.SortStableFunc(near, func(a, b scored) int {
		return cmp.Or(a.score-b.score, distance(low, strings.ToLower(a.name))-distance(low, strings.ToLower(b.name)))
	})
	var names []string
	for _, n := range near[:min(len(near), 3)] {
		names = append(names, n.name)
	}
	return names
}

// distance is how many letters must be changed, inserted, left out or swapped with their neighbour to turn a into b.
func distance(a, b string) int {
	before, last := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := range len(a) {
		row := make([]int, len(b)+1)
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			row[j+1] = min(last[j]+cost, last[j+1]+1, row[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}
