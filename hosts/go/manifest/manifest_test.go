package manifest

import (
	"path/filepath"
	"strings"
	"testing"
)

const spec = "../../../spec/manifests/"

func TestTheSamplesAreValidAndHashedAsCronixDoes(t *testing.T) {
	files, _ := filepath.Glob(spec + "*.json")
	for _, file := range files {
		if _, err := Load(t.Context(), file); err != nil {
			t.Error(err)
		}
	}
	one, err := Load(t.Context(), spec+"one-job.json")
	if err != nil || len(files) < 5 {
		t.Fatal(files, err)
	}
	if got := one.Jobs[0].Hashes[0]; got != "21c1b02a51242d12" {
		t.Error(got)
	}
}

const job = `{"name":"a","schedule":"@daily","request":{"url":"http://x"}}`

func TestWhatIsWrongIsToldWithItsPath(t *testing.T) {
	for text, want := range map[string]string{
		`{"version":1,"app":"web","jobs":[` + job + `]}`: "",
		`[]`:                                   "m: expected an object, got an array",
		" \n":                                  "m: expected a JSON object, got an empty file",
		"\ufeff{}":                             "m: expected UTF-8 without a byte order mark",
		"{\n \"\u00e9\" x}":                    `m: line 2, column 6: not JSON: ':' is expected`,
		"{\"version\":1":                       "m: line 1, column 13: not JSON",
		"{\"a\":\"\xff\"}":                     "m: expected UTF-8, got other bytes",
		strings.Repeat("[", 65):                "m: line 1, column 65: expected at most 64 levels of nesting, got more",
		`{"version":1,"app":"web","jobs":[5]}`: "jobs/0: expected an object, got 5",
		replaced(`"schedule":"@daily"`, `"schedules":["@daily","61 * * * *"]`):           "jobs/0/schedules/1: minute: ",
		replaced(`"name":"a"`, `"name":"A"`):                                             `jobs/0/name: expected a name of 1 to 63 characters a-z, 0-9 and "-" that begins with a letter, got "A"`,
		`{"version":2,"app":"web","jobs":[` + job + `]}`:                                 "version: ",
		`{"version":1,"app":"Web","jobs":[` + job + `]}`:                                 "app: ",
		`{"version":1,"app":"web","jobs":[]}`:                                            "jobs: ",
		`{"version":1,"app":"web","jobs":[` + job + `,` + job + `]}`:                     "jobs/1/name: ",
		`{"version":1,"app":"web","jobs":[` + job + `],"x":1}`:                           "x: ",
		`{"version":1,"app":"web","app":"b","jobs":[` + job + `]}`:                       "twice",
		`{"version":1,"app":"web","jobs":[` + job + `],"plugins":{"a":{"sha256":"00"}}}`: "plugins/a/sha256: ",
		replaced(`"@daily"`, `"61 * * * *"`):                                             "jobs/0/schedule: minute: ",
		replaced(`"@daily"`, `"@every 59s"`):                                             "jobs/0/schedule: @every: ",
		replaced(`"@daily"`, `" 5-9/2,? * 1 jan SUN "`):                                  "",
		replaced(`"@daily"`, `null`):                                                     "jobs/0/schedule: ",
		replaced(`"url":"http://x"`, `"url":"http://user:word@x y"`):                     "jobs/0/request/url: ",
		replaced(`"url":"http://x"`, `"url":"http://x","method":"HEAD"`):                 "jobs/0/request/method: ",
		replaced(`"name":"a"`, `"name":"a","timezone":"Local"`):                          "jobs/0/timezone: ",
		replaced(`"name":"a"`, `"name":"a","timezone":"Asia/Tokyo"`):                     "",
		replaced(`"name":"a"`, `"name":"a","policy":{"timeout_seconds":0}`):              "jobs/0/policy/timeout_seconds: ",
		replaced(`"name":"a"`, `"name":"a","policy":{"timeout_seconds":1.0}`):            "jobs/0/policy/timeout_seconds: ",
		replaced(`"name":"a"`, `"name":"a","policy":{"retries":{"min_seconds":61}}`):     "jobs/0/policy/retries: ",
		replaced(`"name":"a"`, `"name":"a","policy":{"concurrency":"forbid"}`):           "jobs/0/policy/concurrency: ",
		replaced(`"name":"a"`, `"name":"a","auth":{"secret_refs":[]}`):                   "jobs/0/auth/secret_refs: ",
		replaced(`"name":"a"`, `"name":"a\ud800"`):                                       "jobs/0/name: ",
		replaced(`"name":"a"`, `"name":"a","schedules":["@daily"]`):                      "jobs/0: ",
	} {
		_, err := Parse([]byte(text), "m")
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s\n%v", text, err)
		}
		if err != nil && strings.Contains(err.Error(), "word") {
			t.Errorf("a password is shown: %s", err)
		}
	}
}

func replaced(old, new string) string {
	return `{"version":1,"app":"web","jobs":[` + strings.Replace(job, old, new, 1) + `]}`
}
