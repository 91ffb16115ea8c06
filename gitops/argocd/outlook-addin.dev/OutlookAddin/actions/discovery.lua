local actions = {}
local suspended = obj.spec.suspend == true
actions["sync-now"] = {disabled = suspended}
actions["suspend"] = {disabled = suspended}
actions["resume"] = {disabled = not suspended}
return actions
