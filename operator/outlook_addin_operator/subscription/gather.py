"""All reads about one CalendarSubscription."""

from dataclasses import replace
from datetime import datetime

from outlook_addin_core.domain.config import ConfigError
from outlook_addin_core.domain.mailbox import age_of
from outlook_addin_core.domain.resources import ADDIN, SUBSCRIPTION
from outlook_addin_operator.addin.health import assess, is_available
from outlook_addin_operator.addin.objects.deployment import CONFIG_HASH
from outlook_addin_operator.addin.plan import config_hash
from outlook_addin_operator.addin.spec import AddinView, view
from outlook_addin_operator.cluster import Cluster
from outlook_addin_operator.credentials import Credentials, CredentialsReader
from outlook_addin_operator.inventory import Inventory
from outlook_addin_operator.keys import Key, Object, is_deleting
from outlook_addin_operator.subscription.memory import Memory
from outlook_addin_operator.subscription.observed import Observed


async def gather(  # noqa: PLR0913 - where it reads from
    cluster: Cluster,
    credentials: CredentialsReader,
    inventory: Inventory,
    key: Key,
    now: datetime,
    *,
    retry: bool,
    check: bool = False,
) -> Observed | None:
    """Read the object, its OutlookAddin and what that names; None if the object is gone."""
    body = await cluster.get(SUBSCRIPTION, key.namespace, key.name)
    if body is None:
        return None
    addin, invalid = await _addin(cluster, body)
    observed = Observed(
        body=body,
        addin=addin,
        invalid=invalid,
        credentials=await _credentials(credentials, addin, ends=is_deleting(body)),
        web_available=await _web_available(cluster, body, addin, now),
        older=await _older(cluster, inventory, key, body),
        retry=retry,
        check=check,
    )
    return replace(observed, web_accepts=await _web_accepts(cluster, observed))


async def _addin(cluster: Cluster, body: Object) -> tuple[AddinView | None, str | None]:
    name, namespace = body["spec"]["addinRef"]["name"], body["metadata"]["namespace"]
    addin = await cluster.get(ADDIN, namespace, name)
    if addin is None:
        return None, None
    try:
        return view(addin), None
    except ConfigError as error:
        return None, str(error)


async def _credentials(
    reader: CredentialsReader, addin: AddinView | None, *, ends: bool
) -> Credentials | None:
    if addin is None:
        return None
    return await (reader.read_to_clean_up(addin) if ends or addin.deleting else reader.read(addin))


async def _web_available(cluster: Cluster, body: Object, addin: AddinView | None, now: datetime) -> bool:
    """Ask only where it counts: before a Graph subscription is made."""
    if addin is None or not addin.sync_enabled or Memory.of(body).live(now):
        return False
    return is_available(await cluster.get("Deployment", addin.owner.namespace, addin.owner.name))


async def _web_accepts(cluster: Cluster, observed: Observed) -> bool:
    """Ask only after the key was changed: whether all pods were started with what it is now.

    A subscription that carries a key which one pod does not know would lose changes there.
    """
    addin, credentials = observed.addin, observed.credentials
    if addin is None or credentials is None or credentials.webhook_key is None or not observed.key_changed:
        return False
    deployment = await cluster.get("Deployment", addin.owner.namespace, addin.owner.name)
    if deployment is None or not is_available(deployment) or assess(deployment, ()).rolling:
        return False
    annotations = deployment["spec"]["template"]["metadata"].get("annotations") or {}
    return bool(annotations.get(CONFIG_HASH) == config_hash(addin, credentials, credentials.webhook_key))


async def _older(cluster: Cluster, inventory: Inventory, key: Key, body: Object) -> str | None:
    """Return the older object's name, if it still exists: a watch may have missed its end."""
    mine = age_of(body)
    for other in inventory.siblings(key):
        if other.age < mine and await cluster.get(SUBSCRIPTION, key.namespace, other.key.name) is not None:
            return other.key.name
    return None
