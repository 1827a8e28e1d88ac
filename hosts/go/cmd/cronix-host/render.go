package main

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	pb "cronix-host/backendv1"
	"cronix-host/host"
	"cronix-host/internal/wire"
)

const mostShown = 20 // items of a list that is beside the point; --json has all

// line writes a line, in which nothing steers a terminal.
func line(out *strings.Builder, format string, arguments ...any) {
	out.WriteString(host.Clean(fmt.Sprintf(format, arguments...)) + "\n")
}

// table writes rows, the first of which has the heads, in columns.
func table(out *strings.Builder, rows [][]string) {
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i := range row {
			row[i] = host.Clean(row[i])
			widths[i] = max(widths[i], utf8.RuneCountInString(row[i]))
		}
	}
	for _, row := range rows {
		for i, cell := range row {
			fmt.Fprintf(out, "%-*s", widths[i], cell)
			if i < len(row)-1 {
				out.WriteString("  ")
			}
		}
		out.WriteString("\n")
	}
}

func count(n int, one, several string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, several)
}

func few(out *strings.Builder, lines []string, noun string) {
	for _, one := range lines[:min(len(lines), mostShown)] {
		line(out, "%s", one)
	}
	if more := len(lines) - mostShown; more > 0 {
		line(out, "and %d more %s", more, noun)
	}
}

func renderEntries(out *strings.Builder, reply *pb.ReadReply) {
	rows := [][]string{{"JOB", "#", "SCHEDULE", "COMMAND", "HASH", "WHERE"}}
	for _, e := range reply.Entries {
		rows = append(rows, []string{e.App + "." + e.Job, fmt.Sprint(e.Index), e.Schedule, e.Command, e.Hash, e.Location})
	}
	if len(rows) > 1 {
		table(out, rows)
	}
	line(out, "%s", count(len(reply.Entries), "entry", "entries"))
	var lines []string
	for _, m := range reply.Malformed {
		lines = append(lines, fmt.Sprintf("%s: %s: %s", m.Location, m.Reason, m.Text))
	}
	few(out, lines, "malformed markers")
	if len(lines) > 0 {
		explain(out, "malformed marker")
	}
}

// meanings are those of docs/words.md, for the words that are printed here.
var meanings = [][2]string{
	{"missing", "desired and not there"},
	{"modified", "there, but not as desired"},
	{"orphan", "owned by the app, and not desired"},
	{"foreign", "it runs the job and has no mark of cronix, so apply leaves it alone"},
	{"owned", "it has the app's mark, and its job is desired"},
	{"tampered", "it was edited by hand under its mark, or can never run"},
	{"abandoned", "its job is not in the manifest"},
	{"duplicate", "another entry counts for the same schedule of the job"},
	{"malformed marker", "a comment that looks like a mark of cronix and cannot be read"},
}

func explain(out *strings.Builder, words ...string) {
	for _, one := range meanings {
		if slices.Contains(words, one[0]) {
			line(out, "%s: %s", one[0], one[1])
		}
	}
}

func renderWarnings(out *strings.Builder, warnings []*pb.StoreWarning) {
	var lines []string
	for _, w := range warnings {
		text := "warning " + w.Reason + ": "
		if w.Location != "" {
			text += w.Location + ": "
		}
		text += w.Message
		if w.Action != "" {
			text += "; " + w.Action
		}
		lines = append(lines, text)
	}
	few(out, lines, "warnings")
}

func renderPlan(out *strings.Builder, reply *pb.PlanReply) {
	marks := map[string]string{"create": "+", "update": "~", "delete": "-"}
	counts := map[string]int{}
	for _, op := range reply.Ops {
		kind := wire.Word(op.Kind)
		counts[kind]++
		if marks[kind] == "" {
			continue
		}
		line(out, "%s %s %s.%s", marks[kind], kind, reply.App, op.Job)
		before, after := entryLines(op.Before), entryLines(op.After)
		for _, old := range before {
			if !slices.Contains(after, old) {
				line(out, "    - %s", old)
			}
		}
		for _, fresh := range after {
			if !slices.Contains(before, fresh) {
				line(out, "    + %s", fresh)
			}
		}
	}
	renderWarnings(out, reply.Warnings)
	var parts []string
	for _, kind := range []string{"create", "update", "delete"} {
		if counts[kind] > 0 {
			parts = append(parts, fmt.Sprintf("%d to %s", counts[kind], kind))
		}
	}
	if parts == nil {
		parts = []string{"nothing to do"}
	}
	line(out, "Plan: %s; %d unchanged.", strings.Join(parts, ", "), counts["skip"])
}

func entryLines(entries []*pb.Entry) (lines []string) {
	for _, e := range entries {
		lines = append(lines, entryLine(e))
	}
	return lines
}

func entryLine(e *pb.Entry) string {
	return fmt.Sprintf("[%d] %s %s #%s", e.GetIndex(), e.GetSchedule(), e.GetCommand(), e.GetHash())
}

func renderDrift(out *strings.Builder, reply *pb.DriftReply) {
	for _, item := range reply.Items {
		line(out, "%s %s.%s [%d]", wire.Word(item.Kind), item.App, item.Job, item.Index)
		if item.Expected != nil {
			line(out, "    expected %s", entryLine(item.Expected))
		}
		if item.Actual != nil {
			line(out, "    found    %s (%s)", entryLine(item.Actual), item.Actual.Location)
		}
	}
	if len(reply.Items) == 0 {
		line(out, "No drift.")
		return
	}
	line(out, "%s", count(len(reply.Items), "difference", "differences"))
	var words []string
	for _, item := range reply.Items {
		words = append(words, wire.Word(item.Kind))
	}
	explain(out, words...)
}

func renderPruned(out *strings.Builder, reply *pb.PruneReply, dryRun bool) {
	for _, e := range reply.Removed {
		line(out, "- %s.%s %s", e.App, e.Job, entryLine(e))
	}
	verb := "removed"
	if dryRun {
		verb = "would be removed"
	}
	line(out, "%s %s.", count(len(reply.Removed), "entry", "entries"), verb)
}

func renderAdopted(out *strings.Builder, job string, reply *pb.AdoptReply, dryRun bool) {
	outcome := map[string]string{
		"adopted": "adopted", "already_managed": "already managed", "diverged": "differs from the manifest; nothing was touched", "not_found": "nothing to adopt",
	}[wire.Word(reply.Outcome)]
	if outcome == "adopted" && dryRun {
		outcome = "would be adopted"
	}
	line(out, "%s: %s", job, outcome)
	for _, e := range reply.Entries {
		line(out, "    %s", entryLine(e))
	}
	for _, d := range reply.Differences {
		expected, got, where := d.Expected, d.Got, ""
		if expected == "" {
			expected = "nothing"
		}
		if got == "" {
			got = "nothing"
		}
		if d.Location != "" {
			where = " (" + d.Location + ")"
		}
		line(out, "    [%d] expected %s, found %s%s", d.Index, expected, got, where)
	}
}

func renderVerdicts(out *strings.Builder, reply *pb.VerifyOwnershipReply) {
	rows := [][]string{{"VERDICT", "JOB", "#", "SCHEDULE", "WHERE", "WHY"}}
	for _, i := range reply.Items {
		e := i.GetEntry()
		rows = append(rows, []string{wire.Word(i.Verdict), e.GetApp() + "." + e.GetJob(), fmt.Sprint(e.GetIndex()), e.GetSchedule(), e.GetLocation(), i.Reason})
	}
	table(out, rows)
	renderWarnings(out, reply.Warnings)
	line(out, "%s", count(len(reply.Items), "entry", "entries"))
	var words []string
	for _, i := range reply.Items {
		words = append(words, wire.Word(i.Verdict))
	}
	explain(out, words...)
}
