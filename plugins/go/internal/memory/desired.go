package memory

import (
	"fmt"
	"regexp"
	"strconv"

	pb "cronix-backend-memory/internal/backendv1"
	"cronix-backend-memory/internal/status"
)

const (
	namePattern  = `[a-z][a-z0-9-]{0,62}`
	maxSchedules = 64
)

// The lengths are checked beside them: to compile {0,62} takes a twelfth of the plugin's start.
var (
	nameLetters = regexp.MustCompile(`^[a-z][a-z0-9-]*$`)
	hashDigits  = regexp.MustCompile(`^[0-9a-f]+$`)
)

func isName(text string) bool { return len(text) <= 63 && nameLetters.MatchString(text) }

func isHash(text string) bool { return len(text) <= 64 && hashDigits.MatchString(text) }

func invalid(reason, path, expected, got, problem string) *status.Error {
	details := &pb.ErrorDetails{Reason: reason, Path: path, Expected: expected, Got: got}
	return status.New(status.InvalidArgument, details, "%s: %s", path, problem)
}

func checkName(path, name string) error {
	if isName(name) {
		return nil
	}
	return invalid("INVALID_NAME", path, namePattern, name, fmt.Sprintf("%q is not a name", name))
}

// express makes the entries of one desired job, checked (P-PLAN-2). path is the job's place in the
// request.
func express(app string, desired *pb.DesiredJob, path string) ([]*pb.Entry, error) {
	job, hashes := desired.GetJob(), desired.GetHashes()
	if err := checkName(path+"/job/name", job.GetName()); err != nil {
		return nil, err
	}
	count := len(job.GetSchedules())
	if count < 1 || count > maxSchedules {
		expected := fmt.Sprintf("1 to %d", maxSchedules)
		return nil, invalid("SCHEDULE_COUNT", path+"/job/schedules", expected, strconv.Itoa(count),
			fmt.Sprintf("%d schedules", count))
	}
	if len(hashes) != count {
		return nil, invalid("HASH_COUNT", path+"/hashes", strconv.Itoa(count), strconv.Itoa(len(hashes)),
			fmt.Sprintf("%d hashes for %d schedules", len(hashes), count))
	}
	entries := make([]*pb.Entry, count)
	for i, hash := range hashes {
		if !isHash(hash) {
			return nil, invalid("INVALID_HASH", fmt.Sprintf("%s/hashes/%d", path, i),
				"1 to 64 lower-case hex digits", hash, fmt.Sprintf("%q is not a hash", hash))
		}
		entries[i] = &pb.Entry{
			App:      app,
			Job:      job.GetName(),
			Index:    int32(i),
			Hash:     hash,
			Schedule: job.GetSchedules()[i],
			Command:  fmt.Sprintf("cronix trigger %s.%s", app, job.GetName()),
			Location: "memory",
		}
	}
	return entries, nil
}

// desiredJobs makes the entries of all desired jobs, checked, and the jobs by their names.
func desiredJobs(app string, desired []*pb.DesiredJob) (jobs, map[string]*pb.DesiredJob, error) {
	if err := checkName("app", app); err != nil {
		return nil, nil, err
	}
	entries, byName := jobs{}, map[string]*pb.DesiredJob{}
	for i, one := range desired {
		path := fmt.Sprintf("jobs/%d", i)
		made, err := express(app, one, path)
		if err != nil {
			return nil, nil, err
		}
		name := one.GetJob().GetName()
		if byName[name] != nil {
			return nil, nil, invalid("DUPLICATE_JOB", path+"/job/name", "each job once", name,
				fmt.Sprintf("job %q is there twice", name))
		}
		entries[name], byName[name] = made, one
	}
	return entries, byName, nil
}
