-- The resource follows kstatus: observedGeneration, Ready, and while true Reconciling and Stalled.
local hs = {status = "Progressing", message = "Waiting for the operator"}
if obj.metadata.deletionTimestamp ~= nil then
  hs.message = "Being deleted"
  return hs
end
local st = obj.status
if st == nil or st.observedGeneration == nil or st.observedGeneration ~= obj.metadata.generation then
  return hs
end
local found = {}
for _, condition in ipairs(st.conditions or {}) do
  found[condition.type] = condition
end
local function holds(kind)
  return found[kind] ~= nil and found[kind].status == "True"
end
-- a subscription whose renewal needs a person is still live for a while: act before it ends
if holds("Stalled") then
  return {status = "Degraded", message = found.Stalled.message}
end
if obj.spec.suspend == true then
  return {status = "Suspended", message = "Renewal is suspended"}
end
if holds("Ready") then
  return {status = "Healthy", message = found.Ready.message}
end
-- five attempts in a row have failed and nothing reports changes: an outage, not progress
if found.Ready ~= nil and (st.failedRenewals or 0) >= 5 then
  return {status = "Degraded", message = found.Ready.message}
end
if holds("Reconciling") then
  return {status = "Progressing", message = found.Reconciling.message}
end
if found.Ready ~= nil and found.Ready.status == "False" then
  return {status = "Degraded", message = found.Ready.message}
end
return hs
