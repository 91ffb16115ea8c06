// @ts-check
/** Names and values as documented on learn.microsoft.com/javascript/api/outlook. */

const enums = {
  AsyncResultStatus: { Succeeded: "succeeded", Failed: "failed" },
  CoercionType: { Text: "text", Html: "html" },
  HostType: { Outlook: "Outlook" },
  PlatformType: { PC: "PC", OfficeOnline: "OfficeOnline", Mac: "Mac", iOS: "iOS", Android: "Android" },
  InitializationReason: { DocumentOpened: "documentOpened", Inserted: "inserted" },
  StartupBehavior: { None: "None", Load: "Load" },
  EventType: {
    AppointmentTimeChanged: "olkAppointmentTimeChanged",
    EnhancedLocationsChanged: "olkEnhancedLocationsChanged",
    RecipientsChanged: "olkRecipientsChanged",
    RecurrenceChanged: "olkRecurrenceChanged",
    ItemChanged: "olkItemSelectedChanged",
    OfficeThemeChanged: "officeThemeChanged",
    DialogMessageReceived: "dialogMessageReceived",
    DialogEventReceived: "dialogEventReceived",
    DialogParentMessageReceived: "dialogParentMessageReceived",
  },
};

const mailboxEnums = {
  BodyType: { Html: "html", Text: "text" },
  ItemType: { Appointment: "appointment", Message: "message" },
  ItemNotificationMessageType: {
    ProgressIndicator: "progressIndicator",
    InformationalMessage: "informationalMessage",
    ErrorMessage: "errorMessage",
    InsightMessage: "insightMessage",
  },
  LocationType: { Custom: "custom", Room: "room" },
  RecipientType: {
    User: "user",
    ExternalUser: "externalUser",
    DistributionList: "distributionList",
    Other: "other",
  },
  ResponseType: {
    None: "none",
    Organizer: "organizer",
    Tentative: "tentative",
    Accepted: "accepted",
    Declined: "declined",
  },
  RestVersion: { v1_0: "v1.0", v2_0: "v2.0", Beta: "beta" },
  UserProfileType: {
    Enterprise: "enterprise",
    Office365: "office365",
    OutlookCom: "outlookCom",
    Gmail: "gmail",
  },
};
