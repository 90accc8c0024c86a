package runner

import "strconv"

// gitConfig is all the configuration that git sees. Who owns a repository on
// this host does not matter, as nothing of it is executed: no hooks, no helper
// programs named by an address. It is a file, since the git at the far end of a
// local address is not told what the environment says.
const gitConfig = `[safe]
	directory = *
[core]
	hooksPath = /dev/null
[protocol "ext"]
	allow = never
[advice]
	detachedHead = false
[gc]
	auto = 0
`

// credentialHelper hands over what the environment of the git command holds.
const credentialHelper = `!f() { test "$1" = get && printf 'username=%s\npassword=%s\n' "$POWERNODE_GIT_USERNAME" "$POWERNODE_GIT_PASSWORD"; }; f`

// gitEnv makes git behave the same on every host: no configuration but ours, no
// question asked. A password is given by a helper, to the repository's own host
// only; it never stands in an argument or in a file.
func gitEnv(d taskDir, p checkoutPlan) []string {
	env := []string{
		"GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=" + d.path("gitconfig"),
		"GIT_TERMINAL_PROMPT=0", "GIT_ASKPASS=/bin/false", "SSH_ASKPASS=/bin/false",
		"GIT_SSH_COMMAND=ssh -o BatchMode=yes -o StrictHostKeyChecking=accept-new",
	}
	if p.Password == "" {
		return env
	}
	config := [][2]string{{"credential.helper", ""}, {"credential." + hostOf(p.URL) + ".helper", credentialHelper}}
	env = append(env, "POWERNODE_GIT_USERNAME="+p.Username, "POWERNODE_GIT_PASSWORD="+p.Password, "GIT_CONFIG_COUNT="+strconv.Itoa(len(config)))
	for i, pair := range config {
		n := strconv.Itoa(i)
		env = append(env, "GIT_CONFIG_KEY_"+n+"="+pair[0], "GIT_CONFIG_VALUE_"+n+"="+pair[1])
	}
	return env
}
