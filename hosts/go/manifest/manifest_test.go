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
		`{"version":1,"app":"web","jobs":[` + job + `]}`:                                 "",
		`{"version":2,"app":"web","jobs":[` + job + `]}`:                                 "version: ",
		`{"version":1,"app":"Web","jobs":[` + job + `]}`:                                 "app: ",
		`{"version":1,"app":"web","jobs":[]}`:                                            "jobs: ",
		`{"version":1,"app":"web","jobs":[` + job + `,` + job + `]}`:                     "jobs/1/name: ",
		`{"version":1,"app":"web","jobs":[` + job + `],"x":1}`:                           "x: ",
		`{"version":1,"app":"web","app":"b","jobs":[` + job + `]}`:                       "twice",
		`{"version":1,"app":"web","jobs":[` + job + `],"plugins":{"a":{"sha256":"00"}}}`: "plugins/a/sha256: ",
		replaced(`"@daily"`, `"61 * * * *"`):                                             "jobs/0/schedules/0: minute: ",
		replaced(`"@daily"`, `"@every 59s"`):                                             "jobs/0/schedules/0: @every: ",
		replaced(`"@daily"`, `" 5-9/2,? * 1 jan SUN "`):                                  "",
		replaced(`"@daily"`, `null`):                                                     "jobs/0/schedules/0: ",
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
